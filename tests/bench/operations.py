"""What a sandbox does, one operation after the other, as ratios to bare `bwrap`, `docker run` and `docker exec`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

from bench import bare
from bench.figures import Steps, machine, median, publish, ratio, rows, told
from harness import compose
from harness.core.deadline import Deadline
from harness.core.ports import SandboxSpec

OPERATIONS = ("open", "exec", "files in", "snapshot", "close")
FILES = {f"src/part{number % 20}/file{number}.py": b"x = 1\n" * 150 for number in range(1000)}
"""A repo of 1,000 files, 900 bytes each."""

Timed = dict[str, float]


class Clock:
    """Milliseconds by operation."""

    def __init__(self) -> None:
        self.took: Timed = {}

    @contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.took[operation] = 1000 * (time.monotonic() - began)


def ours(kind: str) -> Callable[[], Timed]:
    """One round in one of our sandboxes."""
    choice = compose.Choice(sandbox=kind)
    lab = compose.make_lab(choice, compose.make_store(choice, print), bare.TOOLCHAIN)
    contents = {path: (content, False) for path, content in FILES.items()}

    def once() -> Timed:
        clock, deadline = Clock(), Deadline(60.0)
        with clock("open"):
            box = lab.provider.open(SandboxSpec(role="agent", toolchain=bare.TOOLCHAIN), deadline)
        with closing(box):
            with clock("exec"):
                box.run(["true"], deadline=deadline)
            with clock("files in"):
                box.put("/workspace", contents)
            with clock("snapshot"):
                assert len(box.snapshot("/workspace", deadline=deadline).entries) == len(FILES)
            with clock("close"):
                box.close()
        return clock.took

    return once


def bare_bubblewrap() -> Callable[[], Timed]:
    """`bwrap` has no life between commands: to open is to run nothing, and to close is to remove a folder."""
    made = bare.BareBubblewrap()

    def once() -> Timed:
        clock = Clock()
        with made.folder() as folder:
            for operation in ("open", "exec"):
                with clock(operation):
                    made.run(folder, ["true"])
            with clock("files in"):
                bare.write(folder, FILES)
            with clock("snapshot"):
                assert len(bare.read(folder)) == len(FILES)
            with clock("close"):
                shutil.rmtree(folder)
                folder.mkdir()
        return clock.took

    return once


def bare_docker() -> Callable[[], Timed]:
    """The SDK."""
    made = bare.BareDocker()
    packed = bare.packed(FILES)

    def once() -> Timed:
        clock = Clock()
        with clock("open"):
            container = made.start()
        with clock("exec"):
            made.run(container, ["true"])
        with clock("files in"):
            container.put_archive("/workspace", packed)
        with clock("snapshot"):
            assert len(made.read(container)) == len(FILES)
        with clock("close"):
            container.remove(force=True)
        return clock.took

    return once


def docker_program() -> Callable[[], Timed]:
    """The program `docker`, for what it can do by itself."""
    image = bare.BareDocker().image

    def call(*words: str) -> str:
        return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()

    def once() -> Timed:
        clock = Clock()
        with clock("open"):
            container = call("run", "--detach", "--network", "none", image, "sleep", "infinity")
        with clock("exec"):
            call("exec", container, "true")
        with clock("close"):
            call("rm", "--force", container)
        return clock.took

    return once


def sides() -> dict[str, Callable[[], Timed]]:
    """What can be measured here."""
    found = {"ours, bubblewrap": ours("bubblewrap"), "bwrap": bare_bubblewrap()}
    if "DOCKER_HOST" in os.environ:
        found |= {"ours, docker": ours("docker"), "docker SDK": bare_docker()}
        if shutil.which("docker"):
            found["docker program"] = docker_program()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, publish, print."""
    parser = argparse.ArgumentParser(prog="bench.operations")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args(arguments).rounds
    facts = machine()
    steps = Steps("operations", rounds, 2.5 * rounds)
    measured = sides()
    found: dict[str, list[Timed]] = defaultdict(list)
    for number in range(rounds + 1):
        if number:
            steps.next(f"{len(measured)} sides")
        for name, once in measured.items():
            took = once()
            if number:  # The first round warms up.
                found[name].append(took)
    publish("operations", {"machine": facts, "rounds": found}, f"{told(facts)}\n\n{table(found)}")
    return 0


def table(found: Mapping[str, list[Timed]]) -> str:
    """Medians in milliseconds, and ratios."""
    head = ["milliseconds", *OPERATIONS]
    body: list[list[object]] = [
        [name, *(_middle(rounds, operation) for operation in OPERATIONS)] for name, rounds in found.items()
    ]
    for mine, other in (
        ("ours, bubblewrap", "bwrap"),
        ("ours, docker", "docker SDK"),
        ("ours, docker", "docker program"),
    ):
        if mine in found and other in found:
            body.append([f"**ratio to {other}**", *(_ratio(found[mine], found[other], one) for one in OPERATIONS)])
    return rows(head, body)


def _middle(rounds: Sequence[Timed], operation: str) -> object:
    return median([took[operation] for took in rounds]) if operation in rounds[0] else "-"


def _ratio(mine: Sequence[Timed], other: Sequence[Timed], operation: str) -> Any:
    if operation not in other[0]:
        return "-"
    return ratio([took[operation] for took in mine], [took[operation] for took in other])


if __name__ == "__main__":
    sys.exit(main())
