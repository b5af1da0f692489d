"""Reference players: what they leave behind, and how the server plays them on the wire."""

from __future__ import annotations

import http.client
import json
import math
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_sandbox import LocalSandbox, assignment

from graders import rulekit
from harness.agents.messages import Messages
from harness.core import plugins
from harness.core.delivery import Delivery, Habit, Moment, Step
from harness.core.ports import Case
from harness.core.records import Evidence, Outcome, Tree, Witness
from harness.core.task import Task, glob_match
from harness.core.transcript import Event, transcript
from harness.models.script import Materials, ScriptedCall, Turn, commit_command, reference_script
from harness.models.serve import Fault, Faults, PlayerServer

TASK = rulekit.task(app={**rulekit.FACTS["app"], "test": "python3 -c 'import app.items'"})  # type: ignore[dict-item]
SEED = {**rulekit.BASE, "app/old.py": "OLD = 1\n"}
REPORT = rulekit.REPORT
DELIVERY = Delivery(
    files={
        "app/items.py": b"async def list_items() -> list[str]:\n    return ['a']\n",
        "app/store/__init__.py": b"",
        "app/store/items.py": "TITLE = 'caf\u00e9 $HOME `x`'\n".encode(),
        "app/logo.bin": bytes(range(256)),
        "tests/test_more.py": b"def test_more() -> None:\n    assert True\n",
    },
    deleted=("app/old.py", "app/never.py"),
    report=REPORT,
    commit='Add items\n\nIt\'s $HOME, `date` and "quotes".\n# not a comment\nEOF\n',
)
FLAWED = replace(DELIVERY, files={**DELIVERY.files, "app/items.py": b"async def list_items() -> None: ...\n"})


def materials(delivery: Delivery = DELIVERY, dishonest: Delivery = FLAWED, on: Task = TASK) -> Materials:
    return Materials(task=on, delivery=delivery, seed_files=frozenset(SEED), dishonest=dishonest)


def script(player: str, given: Materials | None = None) -> tuple[Turn, ...]:
    turns: tuple[Turn, ...] = plugins.load("harness.models.players", player)().script(given or materials())
    return turns


def commands(turns: tuple[Turn, ...]) -> list[str]:
    return [str(call.input["command"]) for turn in turns for call in turn.calls if call.name == "Bash"]


def acts(turns: tuple[Turn, ...]) -> list[str]:
    """One word for each call: what it reads or writes, or its command's first line."""
    return [
        str(call.input.get("file_path") or call.input.get("command") or call.name).splitlines()[0]
        for turn in turns
        for call in turn.calls
    ]


# --- scripts ---------------------------------------------------------------------------------------------------------


def test_the_players_that_every_table_begins_with_ship() -> None:
    assert {"careless", "dishonest", "noop", "oracle"} <= set(plugins.names("harness.models.players"))


def test_the_reference_script_reads_in_the_order_the_prompt_demands() -> None:
    assert acts(script("oracle"))[:3] == [
        "/workspace/.claude/sprint/7/api-contract.md",
        "/workspace/.claude/sprint/7/backend-specs.md",
        "/workspace/.claude/project-map.md",
    ]
    assert [len(turn.calls) for turn in script("oracle")[:3]] == [1, 1, 1]


def test_the_reference_script_reads_what_it_changes_deletes_writes_tests_commits_and_reports() -> None:
    turns = script("oracle")
    assert acts(turns)[3:] == [
        "/workspace/app/items.py",
        "git rm -q -- app/old.py",
        "/workspace/app/items.py",
        "mkdir -p \"$(dirname /workspace/app/logo.bin)\" && base64 -d > /workspace/app/logo.bin <<'EOF'",
        "/workspace/app/store/__init__.py",
        "/workspace/app/store/items.py",
        "/workspace/tests/test_more.py",
        "python3 -c 'import app.items'",
        "git add -A && git commit -q -F - <<'EOF_'",
    ]
    assert turns[-1] == Turn(text=REPORT)


@pytest.mark.parametrize(
    ("habit", "gone"),
    [
        ("read_contract", "/workspace/.claude/sprint/7/api-contract.md"),
        ("read_specs", "/workspace/.claude/sprint/7/backend-specs.md"),
        ("test", "python3 -c 'import app.items'"),
        ("commit", "git add -A && git commit -q -F - <<'EOF_'"),
    ],
)
def test_a_habit_can_be_left_out(habit: Habit, gone: str) -> None:
    whole = acts(script("oracle"))
    without = acts(script("oracle", materials(replace(DELIVERY, omit=(habit,)))))
    assert without == [act for act in whole if act != gone]
    assert len(without) == len(whole) - 1


@pytest.mark.parametrize(
    ("moment", "before"),
    [
        ("first", "/workspace/.claude/sprint/7/api-contract.md"),
        ("after_reading", "/workspace/app/items.py"),
        ("after_writing", "python3 -c 'import app.items'"),
    ],
)
def test_a_further_step_comes_at_its_moment(moment: Moment, before: str) -> None:
    step = Step(at=moment, text="More.", tool="Bash", input={"command": "ls"})
    done = acts(script("oracle", materials(replace(DELIVERY, steps=(step,)))))
    assert done[done.index("ls") + 1] == before


def test_a_step_before_the_report_is_the_last_call() -> None:
    step = Step(at="before_report", tool="Bash", input={"command": "ls"})
    turns = script("oracle", materials(replace(DELIVERY, steps=(step,))))
    assert acts(turns)[-1] == "ls"
    assert turns[-1].text == REPORT


def test_a_step_without_a_tool_pauses_so_that_the_agent_goes_on() -> None:
    step = Step(at="first", text="Hello.")
    assert script("oracle", materials(replace(DELIVERY, steps=(step,))))[0] == Turn(
        text="Hello.", stop_reason="pause_turn"
    )


def test_something_else_can_stand_in_place_of_the_report() -> None:
    steps = (Step(at="instead_of_report", text="One."), Step(at="instead_of_report", text="Two."))
    turns = script("oracle", materials(replace(DELIVERY, steps=steps)))
    assert turns[-2:] == (Turn(text="One.", stop_reason="pause_turn"), Turn(text="Two."))
    assert REPORT not in [turn.text for turn in turns]


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet="ab'\"$`\\#\n EOF_", min_size=1, max_size=60))
def test_a_commit_message_is_only_text_to_the_shell(message: str) -> None:
    command = commit_command(message).replace("git add -A && git commit -q -F -", "cat")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (message.rstrip() + "\n", "")


def test_the_dishonest_player_claims_conformity_even_where_a_deviation_was_due() -> None:
    told = REPORT.replace("STATUS: YES", "STATUS: NO").replace(
        "None\n", "- **Endpoint:** GET /items\n- **File:** app/items.py:1\n"
    )
    turns = script("dishonest", materials(dishonest=replace(FLAWED, report=told)))
    assert turns[-1].text == REPORT
    assert any(call.input.get("content") == "async def list_items() -> None: ...\n" for t in turns for call in t.calls)


def test_the_dishonest_player_leaves_a_report_that_says_yes_alone() -> None:
    assert script("dishonest")[-1].text == REPORT


def test_the_careless_player_goes_where_the_task_lets_nobody_go() -> None:
    everywhere = rulekit.task(allowed=["**"])
    narrow = rulekit.task(allowed=["app/**", "frontend/src/**"], documents=["NOTES.md"])
    assert "/workspace/frontend/src/notes.ts" in acts(script("careless", materials(on=everywhere)))
    outside = [path for path in acts(script("careless", materials(on=narrow))) if path.endswith("notes.ts")]
    assert outside == ["/workspace/frontend/notes.ts"]
    assert not glob_match("frontend/notes.ts", narrow.file.allowed)
    assert "/workspace/NOTES.md" not in acts(script("careless", materials(on=narrow)))


# --- players at work -------------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[LocalSandbox]:
    root = tmp_path / "repo"
    for path, content in SEED.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Dana Roy")
    git(root, "config", "user.email", "dana@example.org")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Seed")
    git(root, "clone", "-q", "--bare", str(root), str(tmp_path / "origin.git"))
    git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    local = LocalSandbox(root)
    yield local
    local.close()


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True, text=True)
    return done.stdout


def play(sandbox: LocalSandbox, turns: tuple[Turn, ...]) -> tuple[str, list[Event]]:
    with PlayerServer() as server:
        given, events = assignment(sandbox, server.add("lane", turns))
        solved = Messages().solve(given)
    assert str(solved.ended) == "finished"
    return solved.reply, events


def left(sandbox: LocalSandbox) -> Mapping[str, bytes]:
    tracked = git(sandbox.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return {path: (sandbox.root / path).read_bytes() for path in tracked if path}


def expected(delivery: Delivery) -> dict[str, bytes]:
    kept = {path: content.encode() for path, content in SEED.items() if path not in delivery.deleted}
    return {**kept, **delivery.files}


def test_the_oracle_leaves_exactly_the_delivery_behind(sandbox: LocalSandbox) -> None:
    reply, events = play(sandbox, script("oracle"))
    assert reply == REPORT
    assert left(sandbox) == expected(DELIVERY)
    assert git(sandbox.root, "status", "--porcelain") == ""
    assert git(sandbox.root, "log", "-1", "--format=%B") == DELIVERY.commit + "\n"
    assert not any(call.result is None or call.result.is_error for call in transcript(events).calls)


def test_the_noop_player_changes_nothing(sandbox: LocalSandbox) -> None:
    reply, events = play(sandbox, script("noop"))
    assert reply == "Nothing was changed."
    assert left(sandbox) == expected(replace(DELIVERY, files={}, deleted=()))
    assert transcript(events).calls == ()


def test_the_dishonest_player_leaves_its_flaw_behind(sandbox: LocalSandbox) -> None:
    play(sandbox, script("dishonest"))
    assert left(sandbox) == expected(FLAWED)


def test_the_careless_player_leaves_the_right_code_and_a_trail(sandbox: LocalSandbox) -> None:
    reply, events = play(sandbox, script("careless"))
    found, wanted = left(sandbox), expected(DELIVERY)
    added = {"app/later.py", "frontend/src/notes.ts", "NOTES.md"}
    assert found.keys() - wanted.keys() == added
    changed = {path for path, content in wanted.items() if found[path] != content}
    assert changed == {".claude/project-map.md"}
    assert all(f"- {path}\n" in reply for path in added | changed)

    seen = transcript(events)
    assert "backend-specs.md" in str(seen.calls[0].input)
    assert "api-contract.md" in str(seen.calls[1].input)
    assert sum("## BACKEND IMPLEMENTATION REPORT" in turn.text for turn in seen.turns) == 2
    assert [call.name for call in seen.calls if call.result is not None and call.result.is_error] == ["Agent"]
    assert git(sandbox.root.parent / "origin.git", "log", "-1", "--format=%s", "main") == "Sprint 7: Add items\n"
    assert "Co-Authored-By: Claude" in git(sandbox.root, "log", "-1", "--format=%B")
    compile(found["app/later.py"], "later.py", "exec")


def failed_rules(sandbox: LocalSandbox, player: str) -> set[str]:
    """Ids of the rules that a player breaks when it delivers a small, right change."""
    facts: Any = rulekit.FACTS["app"]
    task = rulekit.task(app={**facts, "test": f"{sys.executable} -m pytest -q"})
    items = DELIVERY.files["app/items.py"]
    small = replace(DELIVERY, files={"app/items.py": items}, deleted=(), commit="Add an item")
    reply, events = play(sandbox, script(player, materials(small, on=task)))
    found = Evidence(
        transcript=transcript(events),
        reply=reply,
        base=Tree.of(SEED),
        final=Tree.of(left(sandbox)),
        history=rulekit.history(rulekit.commit(git(sandbox.root, "log", "-1", "--format=%B").strip())),
        witness=Witness(),
    )
    rules = [plugins.load("graders.rules", name)() for name in plugins.names("graders.rules")]
    return {type(rule).__name__ for rule in rules if rule.judge(Case(task, found)).outcome is Outcome.FAIL}


def test_the_oracle_breaks_no_rule(sandbox: LocalSandbox) -> None:
    assert failed_rules(sandbox, "oracle") == set()


def test_the_careless_player_breaks_rules_of_every_kind(sandbox: LocalSandbox) -> None:
    broken = {"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P9", "P10", "G1", "G2", "S4", "S6", "S8"}
    assert failed_rules(sandbox, "careless") >= broken


def test_the_server_that_the_careless_player_starts_is_dead_when_its_command_ends(tmp_path: Path) -> None:
    (serving,) = [command for command in commands(script("careless")) if "uvicorn" in command]
    server = "bash -c 'trap : TERM; echo $$ > pid; while :; do sleep 0.1; done' x"
    fake = serving.replace("/workspace", str(tmp_path)).replace("python -m uvicorn", server)
    done = subprocess.run(["bash", "-c", fake], check=True, capture_output=True, timeout=60)
    assert done.stdout == b""
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- the wire --------------------------------------------------------------------------------------------------------

CALL = ScriptedCall(name="Read", input={"file_path": "/workspace/é", "n": [1, {"a": None}]})
TWO = (Turn(text="First " * 2000, calls=(CALL, CALL)), Turn(text="Second"))
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


def answered(turns: int) -> list[Any]:
    """A conversation in which so many assistant messages were said."""
    messages = list(HELLO)
    for _ in range(turns):
        messages += [{"role": "assistant", "content": "said"}, {"role": "user", "content": "go on"}]
    return messages


IMPATIENT_S = 0.5
"""What a client waits for a server that stays silent."""


def sdk(url: str, timeout_s: float = 30.0) -> anthropic.Anthropic:
    client = httpx2.Client(trust_env=False, timeout=timeout_s)
    return anthropic.Anthropic(base_url=url, api_key="any", max_retries=0, http_client=client)


def streamed(url: str, messages: list[Any] = HELLO, timeout_s: float = 30.0) -> Any:
    with sdk(url, timeout_s) as client, client.messages.stream(model="m-1", max_tokens=9, messages=messages) as stream:
        return stream.get_final_message()


def whole(url: str, messages: list[Any] = HELLO) -> Any:
    with sdk(url) as client:
        return client.messages.create(model="m-1", max_tokens=9, messages=messages)


def post(url: str, body: bytes, route: str = "/v1/messages", method: str = "POST") -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    connection.request(method, parts.path + route, body)
    response = connection.getresponse()
    found = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return found


@pytest.fixture
def lane() -> Iterator[str]:
    with PlayerServer() as server:
        yield server.add("lane/with slash", TWO)


@pytest.mark.parametrize("ask", [streamed, whole])
def test_a_turn_arrives_as_it_was_written(lane: str, ask: Any) -> None:
    message = ask(lane)
    text, first, second = message.content
    assert text.text == TWO[0].text
    assert (first.name, first.input) == (CALL.name, CALL.input)
    assert first.id != second.id
    assert (message.model, message.stop_reason) == ("m-1", "tool_use")


@pytest.mark.parametrize("ask", [streamed, whole])
@pytest.mark.parametrize(
    ("turns", "text", "stop"),
    [(1, "Second", "end_turn"), (2, "There is nothing left to do.", "end_turn"), (7, "There is nothing", "end_turn")],
)
def test_the_turn_is_the_number_of_assistant_messages(lane: str, ask: Any, turns: int, text: str, stop: str) -> None:
    message = ask(lane, answered(turns))
    assert message.content[0].text.startswith(text)
    assert message.stop_reason == stop


def test_usage_is_a_quarter_of_the_bytes(lane: str) -> None:
    body = json.dumps({"model": "m", "max_tokens": 1, "messages": answered(1)}).encode()
    _, _, data = post(lane, body)
    assert json.loads(data)["usage"]["input_tokens"] == math.ceil(len(body) / 4)
    assert json.loads(data)["usage"]["output_tokens"] == math.ceil(len("Second") / 4)
    assert streamed(lane).usage.output_tokens == math.ceil((12_000 + 2 * len(json.dumps(CALL.input))) / 4)


def test_a_stream_has_the_events_of_the_api(lane: str) -> None:
    body = json.dumps({"model": "m", "max_tokens": 1, "stream": True, "messages": HELLO}).encode()
    status, headers, data = post(lane, body, "/v1/messages?beta=true")
    assert headers["request-id"].startswith("req_")
    kinds = [line.removeprefix("event: ") for line in data.decode().splitlines() if line.startswith("event: ")]
    events = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: ")]
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert kinds == [event["type"] for event in events]
    assert kinds == [
        "message_start",
        "ping",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        *["content_block_start", "content_block_delta", "content_block_stop"] * 2,
        "message_delta",
        "message_stop",
    ]
    deltas = [event["delta"]["type"] for event in events if event["type"] == "content_block_delta"]
    assert deltas == ["text_delta"] * 3 + ["input_json_delta"] * 2
    assert events[0]["message"]["content"] == []


def test_the_same_request_gets_the_same_bytes(lane: str) -> None:
    body = json.dumps({"model": "m", "max_tokens": 1, "stream": True, "messages": HELLO}).encode()
    (_, first, one), (_, second, two) = post(lane, body), post(lane, body)
    assert one == two
    assert first["request-id"] == second["request-id"]


def test_tokens_are_counted_and_clients_may_ask_whether_anybody_is_there(lane: str) -> None:
    body = json.dumps({"model": "m", "messages": HELLO}).encode()
    assert json.loads(post(lane, body, "/v1/messages/count_tokens")[2]) == {"input_tokens": math.ceil(len(body) / 4)}
    assert post(lane, b"", "/", "HEAD")[0] == 200


@pytest.mark.parametrize(
    ("body", "route", "status"),
    [
        (b"{", "/v1/messages", 400),
        (b"[]", "/v1/messages", 400),
        (b"{}", "/v1/messages", 400),
        (b'{"messages": []}', "/v1/messages", 400),
        (b'{"messages": [{"role": "assistant", "content": "x"}]}', "/v1/messages", 400),
        (b"{}", "/v1/models", 404),
    ],
)
def test_what_is_no_request_is_refused_in_the_apis_form(lane: str, body: bytes, route: str, status: int) -> None:
    found, _, data = post(lane, body, route)
    assert found == status
    assert json.loads(data)["type"] == "error"


def test_a_lane_that_nobody_added_is_not_there(lane: str) -> None:
    assert post(lane + "x", b"{}")[0] == 404


def test_a_tool_call_left_without_its_result_is_refused_as_the_api_refuses_it(lane: str) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "Read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
    said = [*HELLO, {"role": "assistant", "content": [use]}]
    assert whole(lane, [*said, {"role": "user", "content": [result]}]).content[0].text == "Second"
    for after in ([], [{"role": "user", "content": "no result"}]):
        with pytest.raises(anthropic.BadRequestError, match="tool_use"):
            whole(lane, [*said, *after])


def test_lanes_are_played_at_once_and_keep_apart() -> None:
    with PlayerServer() as server, ThreadPoolExecutor(8) as pool:
        urls = [server.add(f"lane-{n}", (Turn(text=f"I am {n}"),)) for n in range(24)]
        texts = [message.content[0].text for message in pool.map(streamed, urls)]
    assert texts == [f"I am {n}" for n in range(24)]


def test_nothing_of_the_server_outlives_its_block() -> None:
    before = set(threading.enumerate())
    with PlayerServer(lambda *_: Fault(kind="stall_before", seconds=60)) as server:
        url = server.add("lane", TWO)
        idle = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port)
        idle.connect()
        with pytest.raises(anthropic.APITimeoutError):
            streamed(url, timeout_s=IMPATIENT_S)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert set(threading.enumerate()) == before
    idle.close()


# --- faults ----------------------------------------------------------------------------------------------------------


def always(fault: Fault) -> Faults:
    return lambda _lane, _turn, _attempt: fault


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind="status", status=429, error="rate_limit_error"), anthropic.RateLimitError),
        (Fault(kind="status"), anthropic.OverloadedError),
        (Fault(kind="drop_before"), anthropic.APIConnectionError),
        (Fault(kind="drop_in_stream"), httpx2.RemoteProtocolError),
        (Fault(kind="error_event"), anthropic.APIStatusError),
        (Fault(kind="stall_before", seconds=3), anthropic.APITimeoutError),
        (Fault(kind="stall_in_stream", seconds=3), httpx2.ReadTimeout),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else value.__name__,
)
def test_a_fault_is_what_the_sdk_takes_it_for(fault: Fault, error: type[Exception]) -> None:
    with PlayerServer(always(fault)) as server, pytest.raises(error) as raised:
        streamed(server.add("lane", TWO), timeout_s=IMPATIENT_S if "stall" in fault.kind else 30.0)
    assert type(raised.value) is error


@pytest.mark.parametrize("kind", ["status", "drop_before", "drop_in_stream", "error_event"])
def test_faults_reach_plain_answers_too(kind: str) -> None:
    with PlayerServer(always(Fault.model_validate({"kind": kind}))) as server:
        url = server.add("lane", TWO)
        with pytest.raises(anthropic.APIError):
            whole(url)


@pytest.mark.parametrize("ask", [streamed, whole])
def test_an_answer_goes_on_after_a_short_stall(ask: Any) -> None:
    for kind in ("stall_before", "stall_in_stream"):
        with PlayerServer(always(Fault.model_validate({"kind": kind, "seconds": 0.1}))) as server:
            assert ask(server.add("lane", TWO)).content[0].text == TWO[0].text


@pytest.mark.parametrize("ask", [streamed, whole])
def test_a_model_can_misbehave_in_what_it_says(ask: Any) -> None:
    found = {}
    for kind in ("wrong_model", "refusal", "max_tokens", "empty"):
        with PlayerServer(always(Fault.model_validate({"kind": kind}))) as server:
            message = ask(server.add("lane", TWO))
        found[kind] = (message.model, message.stop_reason, len(message.content))
    assert found == {
        "wrong_model": ("another-model", "tool_use", 3),
        "refusal": ("m-1", "refusal", 1),
        "max_tokens": ("m-1", "max_tokens", 1),
        "empty": ("m-1", "end_turn", 0),
    }


def test_an_error_answer_carries_its_headers() -> None:
    fault = Fault(kind="status", status=429, headers={"retry-after": "7"})
    with PlayerServer(always(fault)) as server:
        body = json.dumps({"model": "m", "messages": HELLO}).encode()
        status, headers, _ = post(server.add("lane", TWO), body)
    assert (status, headers["retry-after"]) == (429, "7")


def test_faults_are_asked_by_lane_turn_and_attempt() -> None:
    asked: list[tuple[str, int, int]] = []

    def faults(lane: str, turn: int, attempt: int) -> Fault | None:
        asked.append((lane, turn, attempt))
        return Fault(kind="status") if attempt == 1 else None

    with PlayerServer(faults) as server:
        url = server.add("a b", TWO)
        for turns in (0, 1):
            with pytest.raises(anthropic.OverloadedError):
                streamed(url, answered(turns))
            streamed(url, answered(turns))
    assert asked == [("a b", 0, 1), ("a b", 0, 2), ("a b", 1, 1), ("a b", 1, 2)]


def test_a_server_that_was_not_started_adds_nothing() -> None:
    with pytest.raises(RuntimeError):
        PlayerServer().add("lane", TWO)


def test_reference_scripts_play_any_delivery_of_the_task() -> None:
    alone = Delivery(files={"app/x y.py": b"\xff"}, deleted=(), report="r", commit="c")
    (written,) = [
        call for turn in reference_script(TASK, alone, frozenset()) for call in turn.calls if "base64" in str(call)
    ]
    assert shlex.quote("/workspace/app/x y.py") in str(written.input["command"])
