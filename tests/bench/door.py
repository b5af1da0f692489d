"""What the gateway costs a call: many trials at once against an upstream that takes 300 ms, through it and without it.

Upstream, gateway and callers are processes of their own, as in a real run, where the upstream is elsewhere and callers
wait for tools most of the time. Windows with and without the gateway follow each other, so both meet the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from bench.figures import Steps, machine, median, publish, rows, told

UPSTREAM_S = 0.3
TRIALS, CALLS = 50, 12
"""Trials at once, and calls of each in one window."""
TARGET_MS = 5.0
MODEL = "claude-bench-1"
PROMPT = "The contract wins over the specs where they disagree. " * 600
"""A conversation of some 30 kB."""


@dataclass(frozen=True)
class Way:
    """How a trial's calls go."""

    base_url: str
    token: str


def serve_upstream() -> None:
    """A player that takes its time; prints its address and plays until its input ends."""
    from harness.models.script import Turn
    from harness.models.serve import Fault, PlayerServer

    slow = Fault(kind="stall_before", seconds=UPSTREAM_S)
    with PlayerServer(lambda lane, turn, attempt: slow) as players:
        print(players.add("bench", [Turn(text="It is done. " * 50)]), flush=True)
        sys.stdin.read()


def serve_gateway(upstream: str) -> None:
    """The gateway with trials admitted, their events on disk as in a run; prints address and tokens."""
    from harness.core.deadline import Deadline
    from harness.core.records import Limits
    from harness.gateway.prices import PriceTable
    from harness.gateway.serve import Gateway, Upstream
    from harness.store.journal import EventLog

    with TemporaryDirectory() as folder, Gateway(PriceTable.load()) as gateway:
        limits = Limits(tokens=10**9, usd=10**6, wall_s=3600.0)
        ways = []
        for number in range(TRIALS):
            log = EventLog(Path(folder) / str(number) / "events.jsonl")
            admission = gateway.admit(
                upstream=Upstream(upstream, "sk-bench"),
                model=MODEL,
                limits=limits,
                deadline=Deadline(3600.0),
                record=log.append,  # type: ignore[arg-type]
                exchanges=Path(folder) / str(number) / "exchanges",
            )
            ways.append({"base_url": admission.base_url, "token": admission.token})
        print(json.dumps(ways), flush=True)
        for _ in sys.stdin:
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(used.ru_utime + used.ru_stime, flush=True)


class Server:
    """One of the servers in its process."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running
        self.said = self._line()

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        assert self._running.stdin is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._running.stdout is not None
        return self._running.stdout.readline().strip()


@contextmanager
def process(*words: str) -> Iterator[Server]:
    """Start a server, and end it."""
    command = [sys.executable, "-m", "bench.door", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        try:
            yield Server(running)
        finally:
            running.stdin.close()


async def window(ways: Sequence[Way]) -> list[float]:
    """Seconds of every call, all trials at once."""
    apart = UPSTREAM_S / len(ways)
    trials = (trial(way, apart * number) for number, way in enumerate(ways))
    return [took for calls in await asyncio.gather(*trials) for took in calls]


async def trial(way: Way, wait_s: float) -> list[float]:
    """Calls one after the other on one connection; the first opens it and does not count."""
    await asyncio.sleep(wait_s)
    parts = urlsplit(way.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = {"model": MODEL, "max_tokens": 1000, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    data = json.dumps(body).encode()
    head = (
        f"POST {parts.path}/v1/messages HTTP/1.1\r\nhost: {parts.netloc}\r\nx-api-key: {way.token}\r\n"
        f"anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    took = [await call(reader, writer, head.encode() + data) for _ in range(CALLS + 1)]
    writer.close()
    return took[1:]


async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    """Seconds from the first byte out to the last byte in."""
    began = time.monotonic()
    writer.write(request)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not answer.startswith(b"http/1.1 200"):
        raise RuntimeError(f"the answer was {answer[:200]!r}")
    if b"content-length: " in answer:
        await reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r")[0]))
    else:
        await reader.readuntil(b"\r\n0\r\n\r\n")
    return time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, publish, print."""
    parser = argparse.ArgumentParser(prog="bench.door")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args(arguments).rounds
    facts, found, cpu = machine(), [], []
    steps = Steps("gateway", rounds, 2 * rounds * UPSTREAM_S * (CALLS + 2))
    with process("upstream") as upstream, process("gateway", upstream.said) as gateway:
        through = [Way(**way) for way in json.loads(gateway.said)]
        straight = [Way(upstream.said, "") for _ in through]
        asyncio.run(window(through[:5]))
        for _ in range(rounds):
            steps.next(f"{TRIALS} trials at once")
            before = gateway.cpu()
            found.append({name: asyncio.run(window(ways)) for name, ways in (("with", through), ("without", straight))})
            cpu.append(1000 * (gateway.cpu() - before) / (TRIALS * (CALLS + 1)))
    stored = [{way: [round(one, 4) for one in took] for way, took in window.items()} for window in found]
    cost = f"The gateway's processor time: {median(cpu):.1f} ms a call."
    publish("gateway", {"machine": facts, "seconds": stored}, f"{told(facts)}\n\n{table(found)}\n\n{cost}")
    return 0


def table(found: Sequence[dict[str, list[float]]]) -> str:
    """Medians and tails in milliseconds."""
    body: list[list[object]] = []
    for share, name in ((0.5, "median"), (0.95, "95 % of calls")):
        parts = [{way: 1000 * _share(took, share) for way, took in window.items()} for window in found]
        more = median([part["with"] - part["without"] for part in parts])
        aim = TARGET_MS if share == 0.5 else ""
        body.append([name, *(median([part[way] for part in parts]) for way in ("without", "with")), more, aim])
    return rows([f"{TRIALS} trials at once, ms", "without", "through the gateway", "more", "target"], body)


def _share(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    if sys.argv[1:2] == ["upstream"]:
        serve_upstream()
    elif sys.argv[1:2] == ["gateway"]:
        serve_gateway(sys.argv[2])
    else:
        sys.exit(main())
