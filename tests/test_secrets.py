"""A planted key appears nowhere: not in the results folder, an event, an error, a process or a sandbox; in no encoding.

The upstream is hostile in the way upstreams are: it repeats the key in errors and headers. The agent looks everywhere
it can reach.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import docker.errors
import pytest
from chaos.disturb import descendants
from chaos.world import MODEL, build, script
from conftest import KINDS
from hypothesis import given
from hypothesis import strategies as st

from harness.gateway.scrub import MARK, Scrub
from harness.models.script import Turn, bash
from harness.models.serve import Fault, PlayerServer
from harness.sandboxes.engine import Engine, held

KEY = "sk-ant-canary+5f1c/9e77=d0ab4c2e8891"
LOOK = r"""env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\0' '\n'
cat /proc/*/mountinfo | sort -u | head -60; ls -laR /run /srv /tmp /home /workspace /opt 2>/dev/null | head -400
grep -rIl canary / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr --exclude-dir=opt 2>/dev/null | head
"""


def written(key: str) -> set[bytes]:
    """The key in the forms in which it could have been written; base64 wherever it begins, its ends left out."""
    plain = key.encode()
    found = {plain, quote(key, safe="").encode(), plain.hex().encode(), plain.hex().upper().encode(), plain[::-1]}
    found.add(plain.replace(b"/", b"\\/"))
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * shift + plain)[4:-4])
    return found


def readings(data: bytes) -> Iterator[bytes]:
    """A file as it is, and as what it was compressed from."""
    yield data
    try:
        yield zlib.decompress(data)
    except zlib.error:
        return


def leaks(root: Path) -> list[Path]:
    forms = written(KEY)
    files = [path for path in root.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(form in text for text in readings(path.read_bytes()) for form in forms)]


def processes(pid: int) -> Iterator[bytes]:
    """Command lines and environments of everything below a harness process, and its own command line."""
    yield Path(f"/proc/{pid}/cmdline").read_bytes()
    for each in descendants(pid):
        for name in ("cmdline", "environ"):
            try:
                yield Path(f"/proc/{each.process[0]}/{name}").read_bytes()
            except OSError:
                continue


def repeats_the_key(lane: str, turn: int, attempt: int) -> Fault | None:
    """First an error that repeats the key in its type and a header, then in hex and base64, then the answer."""
    plain = KEY.encode()
    if attempt == 1:
        return Fault(kind="status", status=500, error=f"who is {KEY}?", headers={"request-id": KEY})
    if attempt == 2:
        told = f"{plain.hex()} {base64.b64encode(plain).decode()} {quote(KEY, safe='')}"
        return Fault(kind="status", status=529, error=told, headers={"retry-after-ms": "10"})
    if attempt == 3:
        return Fault(kind="error_event", error=f"{KEY} is overloaded")
    return None


def looks_around(kickoff: str) -> Sequence[Turn]:
    reading, *rest = script(kickoff)
    return reading, Turn(calls=(bash(LOOK, "Look around"),)), *rest


def containers() -> Iterator[bytes]:
    """All that the daemon tells of the containers that harnesses hold: command lines, environments, labels."""
    with Engine(os.environ).calls("look") as client:
        for item in held(client):
            with suppress(docker.errors.NotFound):
                yield json.dumps(client.inspect_container(item["Id"])).encode()


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_the_key_is_nowhere(tmp_path: Path, ends: str, kind: str) -> None:
    world = build(tmp_path / "world", ("right",))

    def always(lane: str, turn: int, attempt: int) -> Fault | None:
        return Fault(kind="status", status=400, error=f"bad {KEY}", headers={"request-id": KEY})

    seen: list[bytes] = []
    with PlayerServer(repeats_the_key if ends == "well" else always) as server:
        where = ("--results", world.results, "--name", "run", "--prices", world.root / "prices.toml", "-v")
        process = subprocess.Popen(
            world.command("run", "--model", MODEL, "--tasks", "task-right", "--sandbox", kind, *where),
            cwd=world.tree,
            env={**world.environ(server.add("x", looks_around)), "ANTHROPIC_API_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        over = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, kind, over, seen))
        watch.start()
        out, err = process.communicate(timeout=180)
        over.set()
        watch.join()
    assert process.returncode == (0 if ends == "well" else 3), (out + err).decode()
    assert any((b"NetworkMode" if kind == "docker" else b"bwrap") in text for text in seen), "sandboxes were seen"
    for form in written(KEY):
        assert form not in out + err
        assert not any(form in text for text in seen)
    assert leaks(tmp_path) == []
    events = b"".join(path.read_bytes() for path in world.run.rglob("events.jsonl"))
    assert (b"PYTHONHASHSEED" in events) == (ends == "well"), "the agent saw an environment"
    assert ends == "well" or MARK in events + (world.run / "log.jsonl").read_bytes()


def _watch(pid: int, kind: str, over: threading.Event, seen: list[bytes]) -> None:
    while not over.wait(0.2):
        try:
            seen.extend(processes(pid))
        except OSError:
            return
        if kind == "docker":
            seen.extend(containers())


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for number, form in enumerate(sorted(written(KEY))):
        (tmp_path / str(number)).write_bytes(zlib.compress(b"before " + form + b" after"))
    (tmp_path / "clean").write_bytes(b"nothing")
    assert len(leaks(tmp_path)) == len(written(KEY))


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["plain", "b64", "url64", "hex", "quote"]))
def test_a_repeated_key_is_taken_out_wherever_it_begins(before: bytes, after: bytes, how: str) -> None:
    plain = KEY.encode()
    body = {
        "plain": before + plain + after,
        "b64": base64.b64encode(before + plain + after),
        "url64": base64.urlsafe_b64encode(before + plain + after),
        "hex": (before + plain + after).hex().encode(),
        "quote": before + quote(KEY, safe="").encode() + after,
    }[how]
    clean = Scrub(KEY)(body)
    assert MARK in clean
    assert not any(form in clean for form in written(KEY) - {plain[::-1]})


def test_without_a_real_key_nothing_is_changed() -> None:
    assert Scrub(None)(b"fake") == b"fake"
    assert Scrub("fake")(b"fake") == b"fake"
    assert Scrub(KEY).text(f"a {KEY}") == "a [key]"
