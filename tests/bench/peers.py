"""`make bench-peers`: the trivial trial in two other harnesses, with a scripted model, in turn with ours.

Each comes from an environment of its own that is thrown away. What cannot be installed or does not run is said, and the
rest goes on: `inspect-ai` needs `docker compose` for its containers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import bare, trivial
from bench.figures import Steps, machine, median, publish, ratio, rows, told
from bench.side import Side
from harness import compose
from harness.sandboxes.bubblewrap import BASE_ENV
from harness.sandboxes.toolchain import VENV

PEERS = {
    "inspect-ai": ("peer_inspect.py", ("inspect-ai", "anthropic")),
    "mini-swe-agent": ("peer_minisweagent.py", ("mini-swe-agent",)),
}
"""Name -> its script, and what it takes to run it."""
ONLY_LOCAL = "no isolation"
TRIALS = 6
AT_ONCE = (2, 4)
WORKS = ("real", "overhead", "graded")
"""`graded` is real work and every grader; no peer has it."""
TARGET = 2.0
"""What our rate with grading is to be of inspect-ai's without, both on docker."""


def given(image: str) -> dict[str, object]:
    """The work as plain data; `programs` is the toolchain's folder of programs by kind.

    A peer puts it first on the path of every command, because a login shell forgets the path that it was given.
    """
    write = f"cat > {trivial.WRITTEN} <<'END'\n{trivial.DELIVERED}END"
    reads = [f"cat {path}" for path in trivial.READS]
    venv = compose.make_store(compose.Choice(), print).toolchain(bare.TOOLCHAIN).venv
    return {
        "files": {**trivial.REPO, **trivial.DOCUMENTS},
        "turns": {work: [*reads, write, *commands] for work, commands in trivial.COMMANDS.items()},
        "read": "".join(trivial.DOCUMENTS[path] for path in trivial.READS),
        "written": [trivial.WRITTEN, trivial.DELIVERED],
        "image": image,
        "programs": {ONLY_LOCAL: str(venv / "bin"), "docker": f"{VENV}/bin"},
        "env": {name: BASE_ENV[name] for name in ("HOME", "LC_ALL", "PYTHONHASHSEED")},
    }


def environ() -> dict[str, str]:
    """What commands have in a sandbox of ours, where it changes what they cost."""
    kept = {name: BASE_ENV[name] for name in ("LC_ALL", "PYTHONHASHSEED")}
    return {**os.environ, **kept, "MSWEA_SILENT_STARTUP": "1"}


@contextmanager
def installed(name: str) -> Iterator[tuple[Path, str]]:
    """(interpreter, version) of a peer in an environment that ends with the block; `OSError` with the reason."""
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        uv = str(Path(sysconfig.get_path("scripts")) / "uv")
        python = Path(folder) / "bin" / "python"
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *PEERS[name][1]])
        ask = f"import importlib.metadata as m; print(m.version({name!r}))"
        yield python, _run([str(python), "-c", ask]).strip()


def _run(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{Path(argv[0]).name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def kinds() -> list[str]:
    """What a peer can be run in here."""
    return [ONLY_LOCAL, *(["docker"] if "DOCKER_HOST" in os.environ and shutil.which("docker") else [])]


def measure(sides: dict[str, Side], rounds: int) -> dict[str, list[float]]:
    """Trials a minute of every side at each concurrency, in turn; a side that fails drops out."""
    steps = Steps("peers", rounds * len(AT_ONCE), rounds * len(AT_ONCE) * 6.0 * len(sides))
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for count in AT_ONCE:
            steps.next(f"{', '.join(sides)}; {count} at once")
            for name, side in list(sides.items()):
                for work in WORKS if name.startswith("ours") else WORKS[:-1]:
                    graded = work == "graded"
                    try:
                        done = side.batch("real" if graded else work, count, TRIALS, graded=graded)
                    except (RuntimeError, OSError) as error:
                        print(f"peers: {name} drops out: {error}", flush=True)
                        sides.pop(name, None)
                        break
                    found.setdefault(f"{name}|{work}|{count}", []).append(60 * TRIALS / done["seconds"])
    return found


def table(found: dict[str, list[float]], said: Sequence[str]) -> str:
    """Trials a minute."""
    names = dict.fromkeys(key.split("|")[0] for key in found)
    columns = [(work, count) for work in WORKS for count in AT_ONCE]
    rates = [[found.get(f"{name}|{work}|{count}", []) for work, count in columns] for name in names]
    body = [[name, *(median(rate) if rate else "-" for rate in row)] for name, row in zip(names, rates, strict=True)]
    head = ["trials a minute", *(f"{work}, {count} at once" for work, count in columns)]
    return "\n\n".join([rows(head, body), *_against(found), *(f"- {line}" for line in said)])


def _against(found: dict[str, list[float]]) -> list[str]:
    """Our trial with its grading beside inspect-ai's without any."""
    told = []
    for count in AT_ONCE:
        ours = found.get(f"ours, docker|graded|{count}", [])
        for key, rates in found.items():
            if key.startswith("inspect-ai") and key.endswith(f", docker|real|{count}") and len(rates) == len(ours):
                times = f"graded, ours is {ratio(ours, rates):.2f} times inspect-ai ungraded"
                told.append(f"{count} at once, docker: {times}; target {TARGET}.")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, measure, publish, print."""
    parser = argparse.ArgumentParser(prog="bench.peers")
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args(arguments).rounds
    facts, said = machine(), []
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    root.chmod(0o755)
    with ExitStack() as exits:
        exits.callback(shutil.rmtree, root, ignore_errors=True)
        image = bare.BareDocker().image if "docker" in kinds() else ""
        work = root / "work.json"
        work.write_text(json.dumps(given(image)))
        sides = {}
        for name, (script, _) in PEERS.items():
            print(f"peers: installing {name}", flush=True)
            try:
                python, version = exits.enter_context(installed(name))
            except OSError as error:
                said.append(f"{name} could not be installed: {error}")
                continue
            for kind in kinds():
                command = [str(python), str(Path(__file__).with_name(script)), str(work), kind]
                try:
                    side = Side(f"{name} {version}, {kind}", command=command, environ=environ())
                    exits.callback(side.close)
                    side.batch("overhead", 1, 1)
                    sides[side.name] = side
                except (RuntimeError, OSError) as error:
                    said.append(f"{name} on {kind} does not run here: {error}")
        for kind in ("bubblewrap", *(["docker"] if "docker" in kinds() else [])):
            sides[f"ours, {kind}"] = ours = Side.of(f"ours-{kind}", root / kind)
            exits.callback(ours.close)
            ours.batch("overhead", 1, 1)
        found = measure(sides, rounds)
    publish("peers", {"machine": facts, "rounds": found, "said": said}, f"{told(facts)}\n\n{table(found, said)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
