"""A planted key appears nowhere: not in the results folder, an event, an error, a process or a sandbox; in no encoding.

The upstream is hostile in the way upstreams are: it repeats the key in errors and headers. The agent looks everywhere
it can reach.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import docker.errors
import httpx2
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


def spelled(key: str) -> dict[str, bytes]:
    """The key as different writers would write it; nothing here is the scrubber's."""
    percent = quote(key, safe="")
    lower, upper = (
        "".join(char if char.isalnum() or char == "-" else f"\\u{ord(char):{form}}" for char in key)
        for form in ("04x", "04X")
    )
    return {
        "plain": key.encode(),
        "address": percent.encode(),
        "address, lower case": re.sub("%..", lambda found: found[0].lower(), percent).encode(),
        "address, every character": "".join(f"%{ord(char):02x}" for char in key).encode(),
        "address within an address": quote(percent, safe="").encode(),
        "query": quote_plus(key).encode(),
        "json, slashes": key.replace("/", "\\/").encode(),
        "json, marks": lower.encode(),
        "json, marks, upper case": upper.encode(),
        "json, every character": "".join(f"\\u{ord(char):04x}" for char in key).encode(),
        "json within json": json.dumps(lower)[1:-1].encode(),
        "a literal": "".join(f"\\x{ord(char):02x}" for char in key).encode(),
        "hex": binascii.hexlify(key.encode()),
        "hex, upper case": binascii.hexlify(key.encode()).upper(),
    }


def written(key: str) -> set[bytes]:
    """The key in the forms in which it could have been written; base64 wherever it begins, its ends left out."""
    plain = key.encode()
    found = {*spelled(key).values(), plain[::-1]}
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


PIECE = 4096
"""Characters of one delta of the player's."""
TELLS = "I repeat "
PRINTS = json.dumps({"command": "echo "})[:-2]
SPLIT = Turn(
    text=TELLS + "." * (PIECE - len(TELLS) - 10) + KEY,
    calls=(bash("echo " + "." * (PIECE - len(PRINTS) - 10) + KEY + " | tee repeated.txt", "Repeat"),),
)
"""Says the key in text and in a tool's input, ten characters of it in one delta and the rest in the next."""


def looks_around(kickoff: str) -> Sequence[Turn]:
    reading, *rest = script(kickoff)
    return reading, SPLIT, Turn(calls=(bash(LOOK, "Look around"),)), *rest


def test_the_key_really_is_split_over_two_deltas() -> None:
    with PlayerServer() as server:
        body = {"model": MODEL, "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x"}]}
        sent = httpx2.post(server.add("x", [SPLIT]) + "/v1/messages", json=body, verify=False).content
    deltas = [json.loads(line[6:])["delta"] for line in sent.splitlines() if b'"content_block_delta"' in line]
    for field in ("text", "partial_json"):
        pieces = [delta[field] for delta in deltas if field in delta]
        assert KEY in "".join(pieces)
        assert not any(KEY in piece for piece in pieces)


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
    told = [json.loads(line) for line in events.splitlines()]
    repeats = [event["data"] for event in told if event["kind"] == "assistant" and TELLS in event["data"]["text"]]
    assert len(repeats) == (ends == "well")
    for said in repeats:
        assert said["text"].endswith(".[key]")
        assert said["calls"][0]["input"]["command"].endswith(".[key] | tee repeated.txt")
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


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["b64", "url64", *spelled(KEY)]))
def test_a_repeated_key_is_taken_out_wherever_it_begins(before: bytes, after: bytes, how: str) -> None:
    plain = KEY.encode()
    body = {
        "b64": base64.b64encode(before + plain + after),
        "url64": base64.urlsafe_b64encode(before + plain + after),
        "hex": (before + plain + after).hex().encode(),
    }.get(how, before + spelled(KEY).get(how, b"") + after)
    clean = Scrub(KEY)(body)
    assert MARK in clean
    assert not any(form in clean for form in written(KEY) - {plain[::-1]})


def test_what_only_looks_like_the_key_stays_as_it_is() -> None:
    body = json.dumps({"text": f"{KEY[:-1]} %2b 100%ab \\ / \\u0041 {KEY[1:]}" + "\\" * 20_000}).encode()
    began = time.process_time()
    assert Scrub(KEY)(body) == body
    assert time.process_time() - began < 2, "a run of backslashes is read once"


def _events(kind: str, pieces: Sequence[str]) -> bytes:
    field = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}[kind]
    told: list[dict[str, Any]] = [{"type": "message_start", "message": {}}]
    for piece in pieces:
        told.append({"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: piece}})
        told.append({"type": "content_block_delta", "index": 1, "delta": {"type": kind, field: "beside"}})
    return b"".join(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in told)


@given(
    st.sampled_from(["text_delta", "input_json_delta", "thinking_delta"]),
    st.sampled_from(sorted(spelled(KEY))),
    st.lists(st.integers(0, 400), max_size=5).map(sorted),
    st.text(max_size=20),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_a_key_in_pieces_is_taken_out_of_what_they_add_up_to(
    kind: str, how: str, cuts: list[int], around: str, end: bytes
) -> None:
    whole = around + spelled(KEY)[how].decode() + around
    pieces = [whole[start:stop] for start, stop in pairwise([0, *(min(cut, len(whole)) for cut in cuts), len(whole)])]
    body = _events(kind, pieces)
    clean = Scrub(KEY).stream(body.replace(b"\n", end)).replace(b"\r\n", b"\n")
    deltas = [json.loads(line[6:]) for line in clean.splitlines() if line.startswith(b"data:")][1:]
    joined = [
        "".join(v for d in deltas if d["index"] == n for k, v in d["delta"].items() if k != "type") for n in (0, 1)
    ]
    assert joined == [around + MARK.decode() + around, "beside" * len(pieces)]
    assert clean.count(b"\n\n") == body.count(b"\n\n")
    for form in written(KEY):
        assert form not in clean


def test_a_stream_without_the_key_is_passed_on_to_the_byte() -> None:
    body = _events("text_delta", [KEY[:9], "\ud83d", "\ude00", KEY[10:]])
    assert Scrub(KEY).stream(body) == body
    for garbled in (b"data: {\n\n", b"data: []\n\n", b'data: {"index": 0, "delta": "x"}\n\n'):
        assert Scrub(KEY).stream(garbled) == garbled


def test_without_a_real_key_nothing_is_changed() -> None:
    assert Scrub(None)(b"fake") == b"fake"
    assert Scrub("fake")(b"fake") == b"fake"
    assert Scrub(KEY).text(f"a {KEY}") == "a [key]"
