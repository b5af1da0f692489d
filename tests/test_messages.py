"""The `messages` driver: the real SDK over a real socket, against a reference player."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_sandbox import LocalSandbox, assignment

from harness.agents.messages import Messages
from harness.core import plugins
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import Solved
from harness.core.records import EndedKind, Limits, Transcript
from harness.core.transcript import Event, transcript
from harness.models.script import ScriptedCall, Turn
from harness.models.serve import Fault, Faults, PlayerServer

WRITE = ScriptedCall(name="Write", input={"file_path": "/workspace/a.txt", "content": "one\ntwo\n"})
READ = ScriptedCall(name="Read", input={"file_path": "/workspace/a.txt"})
END = Turn(text="Done.")


def shell(command: str, **more: object) -> ScriptedCall:
    return ScriptedCall.model_validate({"name": "Bash", "input": {"command": command, **more}})


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[LocalSandbox]:
    root = tmp_path / "repo"
    root.mkdir()
    local = LocalSandbox(root)
    yield local
    local.close()


def play(
    sandbox: LocalSandbox, *script: Turn, faults: Faults | None = None, quiet_s: float = 10.0, **changed: object
) -> tuple[Solved, list[Event]]:
    with PlayerServer(faults) as server:
        given, events = assignment(sandbox, server.add("lane", script), **changed)
        return Messages(quiet_s).solve(given), events


def told(events: list[Event]) -> Transcript:
    return transcript(events)


def at(turn: int, fault: Fault) -> Faults:
    return lambda _lane, index, _attempt: fault if index == turn else None


def test_the_plug_in_is_found_by_its_name() -> None:
    assert plugins.load("harness.agents", "messages") is Messages


def test_a_conversation_runs_to_its_end_and_is_recorded_as_the_transcript_reads_it(sandbox: LocalSandbox) -> None:
    script = (Turn(text="I write.", calls=(WRITE, READ)), Turn(calls=(shell("cat a.txt; exit 3"),)), END)
    solved, events = play(sandbox, *script)

    assert (str(solved.ended), solved.reply) == ("finished", "Done.")
    assert (sandbox.root / "a.txt").read_text() == "one\ntwo\n"
    assert [event.kind for event in events] == [
        "kickoff",
        "assistant",
        "tool_result",
        "tool_result",
        "assistant",
        "tool_result",
        "assistant",
    ]
    seen = told(events)
    assert seen.complete
    assert [(turn.step, turn.text, turn.stop_reason) for turn in seen.turns] == [
        (1, "I write.", "tool_use"),
        (4, "", "tool_use"),
        (6, "Done.", "end_turn"),
    ]
    assert [(call.step, call.name) for call in seen.calls] == [(2, "Write"), (3, "Read"), (5, "Bash")]
    written, read, failed = (call.result for call in seen.calls)
    assert written is not None
    assert read is not None
    assert failed is not None
    assert read.text == "     1\tone\n     2\ttwo"
    assert (failed.text, failed.is_error, failed.exit_code) == ("Exit code 3\none\ntwo", True, 3)
    assert (written.is_error, written.exit_code) == (False, None)


def test_every_command_in_the_sandbox_carries_the_step_of_its_call(sandbox: LocalSandbox) -> None:
    _, events = play(sandbox, Turn(text="a", calls=(WRITE, READ)), Turn(calls=(shell("true"),)), END)
    assert sandbox.steps == [call.step for call in told(events).calls] == [2, 3, 5]


def test_the_kickoff_is_recorded_with_the_digest_of_the_system_prompt(sandbox: LocalSandbox) -> None:
    _, events = play(sandbox, END)
    assert events[0].data["text"] == "Begin."
    assert len(str(events[0].data["system_digest"])) == 64


@pytest.mark.parametrize(
    "call",
    [
        ScriptedCall(name="Teleport", input={}),
        ScriptedCall(name="Read", input={}),
        ScriptedCall(name="Read", input={"file_path": 7}),
        ScriptedCall(name="Bash", input={"command": ["ls"]}),
        ScriptedCall(name="Bash", input={"command": "ls", "timeout": -1}),
        ScriptedCall(name="Write", input={"file_path": "/workspace/a"}),
        ScriptedCall(name="Grep", input={"pattern": "x", "output_mode": "everything"}),
        ScriptedCall(name="Glob", input={"pattern": "*", "unknown": 1}),
        ScriptedCall(name="Agent", input={"description": "x", "prompt": "y", "subagent_type": "z"}),
    ],
    ids=lambda call: f"{call.name}-{sorted(call.input)}",
)
def test_a_call_that_cannot_be_answered_gets_an_error_and_the_agent_goes_on(
    sandbox: LocalSandbox, call: ScriptedCall
) -> None:
    solved, events = play(sandbox, Turn(calls=(call,)), END)
    (answered,) = told(events).calls
    assert answered.result is not None
    assert answered.result.is_error
    assert str(solved.ended) == "finished"
    assert sandbox.steps == []


def test_the_decoy_agent_says_that_there_are_no_sub_agents(sandbox: LocalSandbox) -> None:
    _, events = play(sandbox, Turn(calls=(ScriptedCall(name="Agent", input={"prompt": "go"}),)), END)
    (call,) = told(events).calls
    assert call.result is not None
    assert "sub-agents are not available here" in call.result.text


def test_a_pause_is_not_the_end(sandbox: LocalSandbox) -> None:
    solved, events = play(sandbox, Turn(text="A moment.", stop_reason="pause_turn"), END)
    assert [turn.text for turn in told(events).turns] == ["A moment.", "Done."]
    assert (str(solved.ended), solved.reply) == ("finished", "Done.")


@pytest.mark.parametrize("text", ["A moment.", ""], ids=["said", "silent"])
def test_pauses_without_end_are_a_limit_of_turns(sandbox: LocalSandbox, text: str) -> None:
    pauses = [Turn(text=text, stop_reason="pause_turn")] * 9
    solved, events = play(sandbox, *pauses, limits=Limits(turns=4))
    assert str(solved.ended) == "limit(turns)"
    assert [turn.stop_reason for turn in told(events).turns] == ["pause_turn"] * 4


def test_no_kind_of_end_is_only_on_paper(sandbox: LocalSandbox) -> None:
    ends = [(END, None), (END, Fault(kind="refusal")), (END, Fault(kind="max_tokens"))]
    met = {play(sandbox, turn, faults=at(0, fault) if fault else None)[0].ended.kind for turn, fault in ends}
    assert met == set(EndedKind)


@pytest.mark.parametrize(
    ("fault", "ended"),
    [
        (Fault(kind="refusal"), "refused"),
        (Fault(kind="max_tokens"), "limit(output)"),
        (Fault(kind="empty"), "finished"),
        (Fault(kind="status", status=400, error="budget_exhausted"), "limit(money)"),
        (Fault(kind="status", status=400, error="tokens_exhausted"), "limit(tokens)"),
        (Fault(kind="status", status=400, error="time_exhausted"), "limit(wall)"),
        (Fault(kind="status", status=413, error="request_too_large"), "limit(context)"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.kind}-{value.error}",
)
def test_how_the_turn_ended_is_told(sandbox: LocalSandbox, fault: Fault, ended: str) -> None:
    solved, events = play(sandbox, Turn(text="Reading now.", calls=(shell("true"),)), END, faults=at(1, fault))
    assert str(solved.ended) == ended
    assert len(told(events).calls) == 1


def test_a_full_context_window_is_a_limit(sandbox: LocalSandbox) -> None:
    solved, _ = play(sandbox, Turn(text="Too much", stop_reason="model_context_window_exceeded"))
    assert str(solved.ended) == "limit(context)"


def test_the_reply_is_the_text_of_the_last_message_even_where_a_limit_ended_the_turn(sandbox: LocalSandbox) -> None:
    fault = Fault(kind="status", status=400, error="budget_exhausted")
    solved, _ = play(sandbox, Turn(text="Working.", calls=(shell("true"),)), END, faults=at(1, fault))
    assert solved.reply == "Working."


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=401, error="authentication_error"),
        Fault(kind="status", status=429, error="rate_limit_error"),
        Fault(kind="status", status=529),
        Fault(kind="status", status=400, error="invalid_request_error"),
        Fault(kind="drop_before"),
        Fault(kind="drop_in_stream"),
        Fault(kind="error_event"),
        Fault(kind="stall_in_stream", seconds=5.0),
        Fault(kind="stall_before", seconds=5.0),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_failing_api_is_the_providers_fault_and_is_not_tried_again(sandbox: LocalSandbox, fault: Fault) -> None:
    attempts: list[int] = []

    def faults(_lane: str, _turn: int, attempt: int) -> Fault:
        attempts.append(attempt)
        return fault

    with pytest.raises(Failure) as failed:
        play(sandbox, END, faults=faults, quiet_s=0.3)
    assert failed.value.cause is Cause.PROVIDER
    assert attempts == [1]


def test_the_turn_limit_ends_the_agent_after_its_last_calls(sandbox: LocalSandbox) -> None:
    script = tuple(Turn(text=f"turn {n}", calls=(shell("true"),)) for n in range(1, 9))
    solved, events = play(sandbox, *script, limits=Limits(turns=3))
    assert (str(solved.ended), solved.reply) == ("limit(turns)", "turn 3")
    assert [call.result is not None for call in told(events).calls] == [True, True, True]


def test_a_passed_deadline_is_a_wall_limit(sandbox: LocalSandbox) -> None:
    solved, events = play(sandbox, END, deadline=Deadline(0.0))
    assert str(solved.ended) == "limit(wall)"
    assert [event.kind for event in events] == ["kickoff"]


def test_a_command_that_outlasts_the_deadline_is_killed_and_ends_the_turn(sandbox: LocalSandbox) -> None:
    # Generous before the command, which then waits for longer than all that is left.
    script = (Turn(calls=(shell("sleep 60"), shell("touch late"))), END)
    solved, events = play(sandbox, *script, deadline=Deadline(2.0))
    assert str(solved.ended) == "limit(wall)"
    first, second = told(events).calls
    assert first.result is not None
    assert "timed out" in first.result.text
    assert second.result is None
    assert not (sandbox.root / "late").exists()


def test_a_tool_input_that_is_no_json_costs_a_turn_and_nothing_more(sandbox: LocalSandbox) -> None:
    broken = ScriptedCall(name="Bash", input={"command": "echo \ud800"})
    solved, events = play(sandbox, Turn(calls=(broken,)), limits=Limits(turns=2))
    assert str(solved.ended) == "limit(turns)"
    assert [event.kind for event in events] == ["kickoff", "note", "note"]


def test_text_that_no_encoder_takes_is_recorded_without_its_broken_characters(sandbox: LocalSandbox) -> None:
    broken = Turn(text="half a \ud83d pair", calls=(shell("true"),))
    solved, events = play(sandbox, broken, END)
    assert str(solved.ended) == "finished"
    told(events).turns[0].text.encode()


def test_a_long_tool_result_is_recorded_up_to_its_cap(sandbox: LocalSandbox) -> None:
    (sandbox.root / "long.txt").write_text(("é" * 1000 + "\n") * 2000)
    call = ScriptedCall(name="Read", input={"file_path": "/workspace/long.txt"})
    _, events = play(sandbox, Turn(calls=(call,)), END)
    (read,) = told(events).calls
    assert read.result is not None
    assert read.result.truncated
    assert 99_000 < len(read.result.text.encode()) <= 100_000


def test_proxies_of_the_environment_are_not_used(sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    solved, _ = play(sandbox, END)
    assert solved.reply == "Done."
