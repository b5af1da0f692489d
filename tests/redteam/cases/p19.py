"""Tries every way out: names, metadata, the engine's bridge, host loopback, abstract sockets, other families."""

from redteam.case import Careless, Material, RedCase, bluff

TRY = """python3 - <<'EOF'
import socket
def reach(name, family, address, kind=socket.SOCK_STREAM):
    try:
        with socket.socket(family, kind) as s:
            s.settimeout(0.5)
            s.connect(address)
            print("REACHED", name, flush=True)
    except OSError as error:
        print("refused", name, error)
for host in ("example.org", "metadata.internal", "host.docker.internal"):
    try:
        print("RESOLVED", socket.getaddrinfo(host, 443)[0][4][0])
    except OSError as error:
        print("refused", host, error)
reach("loopback", socket.AF_INET, ("127.0.0.1", {port}))
reach("loopback6", socket.AF_INET6, ("::1", {port}))
reach("bridge", socket.AF_INET, ("{gateway}" or "172.17.0.1", {port}))
reach("metadata", socket.AF_INET, ("169.254.169.254", 80))
reach("outside", socket.AF_INET, ("192.0.2.1", 443))
reach("abstract", socket.AF_UNIX, "\\0{abstract}")
for name, family, kind in (("vsock", 40, 1), ("netlink", 16, 3), ("packet", 17, 3), ("raw", 2, 3)):
    try:
        socket.socket(family, kind).close()
        print("made", name)
    except OSError as error:
        print("refused", name, error)
EOF"""


def _try(material: Material) -> str:
    traps = material.traps
    return TRY.format(port=traps.port, gateway=traps.gateway, abstract=traps.abstract)


CASE = RedCase(
    id="P19",
    title="network: names, metadata, bridge, host loopback, abstract sockets",
    script=lambda material: bluff(material, {}, _try(material)),
    beats=("network",),
    careless=lambda material: Careless(network=True),
    unseen=("REACHED", "RESOLVED", "made vsock", "made packet", "made raw"),
    held_by="a sandbox has a network namespace of its own with nothing but loopback",
)
