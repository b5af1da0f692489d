"""One side of a comparison in a process of its own: batches of trials in, figures out, as JSON lines.

A process of its own, because processor time and peak memory belong to a process; a lasting one, because a batch should
not pay for imports. `python -m bench.side NAME` and a scratch folder; NAME is `ours` or `bare`, a dash, and a sandbox.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SIDES = ("ours-bubblewrap", "bare-bubblewrap", "ours-docker", "bare-docker")


class Side:
    """The near end: starts the process and asks it. `RuntimeError` when it ends by itself."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, **pipes, text=True, env=environ)  # type: ignore[call-overload]
        self.start_s = float(self._answer()["start_s"])

    @classmethod
    def of(cls, name: str, root: Path) -> Side:
        """One of `SIDES`."""
        root.mkdir(parents=True)
        return cls(name, [sys.executable, "-m", "bench.side", name, str(root)])

    def batch(self, work: str, concurrency: int, trials: int, *, graded: bool = False) -> dict[str, Any]:
        """Figures of one batch: `seconds`, and `cpu` and `children` in seconds of processor time."""
        assert self._process.stdin is not None
        asked = {"work": work, "concurrency": concurrency, "trials": trials, "graded": graded}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


def main(name: str, root: Path) -> int:
    """Answer until the input ends."""
    began = time.monotonic()
    run, close = _side(name, root)
    _say({"start_s": time.monotonic() - began})
    try:
        for line in sys.stdin:
            _say(_measured(run, json.loads(line)))
    finally:
        close()
    return 0


def _measured(run: Callable[..., dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
    before, began = _cpu(), time.monotonic()
    more = run(**asked)
    seconds = time.monotonic() - began
    cpu, children = (now - then for now, then in zip(_cpu(), before, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu": cpu, "children": children, "peak_mb": peak, **more}


def _side(name: str, root: Path) -> tuple[Callable[..., dict[str, Any]], Callable[[], None]]:
    whose, _, kind = name.partition("-")
    if whose == "ours":
        from bench.ours import Ours

        ours = Ours(kind, root)
        return ours.batch, ours.close
    from bench.bare import BareBubblewrap, BareDocker

    bare = BareBubblewrap() if kind == "bubblewrap" else BareDocker()

    def batch(work: str, concurrency: int, trials: int, *, graded: bool) -> dict[str, Any]:
        with ThreadPoolExecutor(concurrency) as pool:
            list(pool.map(bare.trial, [work] * trials))
        return {}

    return batch, bare.close


def _cpu() -> tuple[float, float]:
    """Seconds of processor time of this process, and of its children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, ended.ru_utime + ended.ru_stime


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
