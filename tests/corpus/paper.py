"""A task's delivery on paper: what a scripted agent would have left behind, made without a sandbox.

Proves that a flaw fails the static rules it names, and measures what the rules cost, in milliseconds instead of
minutes. Tool results are those of an agent for which everything works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graders.rulekit import SEED_COMMIT
from harness.core.delivery import Delivery
from harness.core.ports import Case
from harness.core.records import (
    AssistantTurn,
    Commit,
    Evidence,
    History,
    ToolCall,
    ToolResult,
    Transcript,
    Tree,
    Witness,
)
from harness.load.tasks import Bundle
from harness.models.script import ScriptedCall, Turn, reference_script

AUTHOR = "Dana Roy <dana@example.org>"


def on_paper(bundle: Bundle, delivery: Delivery) -> Case:
    """The case that a grader would see of this delivery, with nothing seen by a witness."""
    turns = reference_script(bundle.task, delivery, frozenset(bundle.seed))
    seed = {path: content for path, (content, _) in bundle.seed.items()}
    final = {path: content for path, content in (seed | dict(delivery.files)).items() if path not in delivery.deleted}
    evidence = Evidence(
        transcript=_transcript(turns),
        reply=turns[-1].text,
        base=Tree.of(seed),
        final=Tree.of(_edited(final, turns)),
        history=_history(delivery),
        witness=Witness(),
    )
    return Case(task=bundle.task, evidence=evidence)


def _edited(files: dict[str, bytes], turns: Sequence[Turn]) -> dict[str, bytes]:
    """The files after the Write and Edit calls of the script's further steps."""
    edited = dict(files)
    for call in (call for turn in turns for call in turn.calls):
        path = str(call.input.get("file_path", "")).removeprefix("/workspace/")
        if call.name == "Write" and path.startswith("."):
            edited[path] = str(call.input["content"]).encode()
        elif call.name == "Edit":
            old, new = str(call.input["old_string"]), str(call.input["new_string"])
            edited[path] = edited[path].decode().replace(old, new, 1).encode()
    return edited


def _history(delivery: Delivery) -> History:
    made = Commit(id="c" * 40, parents=(SEED_COMMIT,), author=AUTHOR, committer=AUTHOR, message=delivery.commit)
    commits = () if "commit" in delivery.omit else (made,)
    refs = {"refs/heads/main": SEED_COMMIT}
    head = commits[-1].id if commits else SEED_COMMIT
    return History(
        seed=SEED_COMMIT,
        head=head,
        commits=commits,
        seed_reachable=True,
        refs_before=refs,
        refs_after={"refs/heads/main": head},
        origin_before=refs,
        origin_after=refs,
    )


def _transcript(turns: Iterable[Turn]) -> Transcript:
    told: list[AssistantTurn] = []
    step = 0
    for number, turn in enumerate(turns, 1):
        step += 1
        first, calls = step, []
        for call in turn.calls:
            step += 1
            calls.append(ToolCall(step=step, turn=number, name=call.name, input=call.input, result=_result(call)))
        told.append(AssistantTurn(turn=number, step=first, text=turn.text, calls=tuple(calls), stop_reason=turn.stop))
    return Transcript(turns=tuple(told))


def _result(call: ScriptedCall) -> ToolResult:
    return ToolResult(text="12 passed" if call.name == "Bash" else "done", exit_code=0 if call.name == "Bash" else None)
