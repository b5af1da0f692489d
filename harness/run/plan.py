"""What a run will do, decided before anything starts, and what is still owed of it. Pure functions.

Arms interleave in blocks: one trial of every arm on the same task stands side by side, so that a slow night or a
provider's bad hour meets all arms alike. The order comes from digests and is therefore the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.core.digest import digest
from harness.core.errors import POLICY, UsageError
from harness.core.runs import Arm, JournalLine, PlannedTask, PlannedTrial, RunManifest, VerdictLine
from harness.core.scores import TrialResult, trial_results

KEY_LENGTH = 16
NOT_RUN = "not run yet"


def trial_key(arm_digest: str, task_digest: str, toolchain_digest: str, repeat: int) -> str:
    """The identity of a trial: it changes exactly when what would be measured changes."""
    return digest([arm_digest, task_digest, toolchain_digest, repeat])[:KEY_LENGTH]


def plan(arms: Sequence[Arm], tasks: Sequence[PlannedTask], repeats: int, seed: int) -> tuple[PlannedTrial, ...]:
    """Every arm on every task `repeats` times, in the order in which trials start.

    `UsageError` where there is nothing to plan, or two arms or tasks cannot be told apart.
    """
    if repeats < 1:
        raise UsageError(f"{repeats} repeats", where="plan", mend="ask for 1 or more")
    _distinct("arm", [(arm.name, arm.digest) for arm in arms])
    _distinct("task", [(task.id, task.digest) for task in tasks])
    blocks = sorted(
        ((repeat, task) for repeat in range(1, repeats + 1) for task in tasks),
        key=lambda block: (block[0], digest([seed, block[0], block[1].id])),
    )
    return tuple(
        PlannedTrial(
            trial=trial_key(arm.digest, task.digest, task.toolchain_digest, repeat),
            arm=arm.name,
            task=task.id,
            repeat=repeat,
        )
        for repeat, task in blocks
        for arm in sorted(arms, key=lambda arm: digest([seed, repeat, task.id, arm.name]))
    )


def replan(manifest: RunManifest, arms: Sequence[Arm], tasks: Sequence[PlannedTask]) -> RunManifest:
    """The same plan with the digests of now: trials of what changed get their new keys in the old order.

    Trials under keys that no longer are in the plan become superseded; when the old content comes back, so do they.
    """
    arm_of, task_of = {arm.name: arm for arm in arms}, {task.id: task for task in tasks}
    trials = tuple(_rekeyed(trial, arm_of[trial.arm], task_of[trial.task]) for trial in manifest.trials)
    keys = {trial.trial for trial in trials}
    before = {trial.trial: trial for trial in (*manifest.superseded, *manifest.trials) if trial.trial not in keys}
    changes = {
        "arms": tuple(arm_of[arm.name] for arm in manifest.arms),
        "tasks": tuple(task_of[task.id] for task in manifest.tasks),
        "trials": trials,
        "superseded": tuple(before.values()),
    }
    return manifest.model_copy(update=changes)


def _rekeyed(trial: PlannedTrial, arm: Arm, task: PlannedTask) -> PlannedTrial:
    key = trial_key(arm.digest, task.digest, task.toolchain_digest, trial.repeat)
    return replace(trial, trial=key)


def _distinct(kind: str, named: Sequence[tuple[str, str]]) -> None:
    if not named:
        raise UsageError(f"no {kind} to plan", where="plan", mend=f"name at least one {kind}")
    for place, word in enumerate(("name", "digest")):
        count = Counter(pair[place] for pair in named)
        twice = [pair[0] for pair in named if count[pair[place]] > 1]
        if twice:
            mend = f"name each {kind} once; ask for more repeats to measure it more often"
            raise UsageError(f"{kind}s with the same {word}: {', '.join(twice)}", where="plan", mend=mend)


def spent_by_trial(lines: Iterable[JournalLine]) -> dict[str, int]:
    """Trial -> micro-dollars that its attempts cost, and that calls which broke may have cost beyond."""
    spent: Counter[str] = Counter()
    for line in lines:
        if line.type == "attempt":
            spent[line.trial] += line.cost.micro_usd + line.unsettled_micro_usd
    return dict(spent)


class Action(StrEnum):
    """What a planned trial still needs."""

    REUSE = "reuse"
    REGRADE = "regrade"
    RERUN = "rerun"


@dataclass(frozen=True)
class Current:
    """Digests as they are now, by name, against which a run's own are held."""

    arms: Mapping[str, str]
    tasks: Mapping[str, str]
    toolchains: Mapping[str, str]
    graders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Owed:
    """One planned trial, what it needs, and why."""

    planned: PlannedTrial
    action: Action
    why: str
    attempt: int | None
    """The attempt to reuse or to regrade; None for a rerun."""


def owed(manifest: RunManifest, lines: Iterable[JournalLine], current: Current) -> tuple[Owed, ...]:
    """Every planned trial in planned order with what is still to be done for it.

    An attempt that could be judged is never run again unless its arm, task or toolchain changed.
    """
    changed = _changed(manifest, current)
    return tuple(_owed(result, changed, current.graders) for result in trial_results(manifest, lines))


def owed_after(
    manifest: RunManifest, replanned: RunManifest, lines: Sequence[JournalLine], current: Current
) -> tuple[Owed, ...]:
    """What a replanned run owes, with the change as the reason where there is one."""
    before = owed(manifest, lines, current)
    after = owed(replanned, lines, current)
    return tuple(
        replace(new, why=old.why) if old.planned != new.planned and new.why == NOT_RUN else new
        for old, new in zip(before, after, strict=True)
    )


def _owed(result: TrialResult, changed: Mapping[tuple[str, str], str], graders: Mapping[str, str]) -> Owed:
    last, planned = result.attempt, result.planned
    why = changed.get(("arm", planned.arm)) or changed.get(("task", planned.task))
    if last is None:
        return Owed(planned, Action.RERUN, NOT_RUN, None)
    if why is not None:
        return Owed(planned, Action.RERUN, why, None)
    cause = last.validity.cause
    if cause is not None:
        action = Action.RERUN if POLICY[cause].owed else Action.REUSE
        return Owed(planned, action, f"attempt {last.attempt} was {last.validity}", None)
    why = _regrade(result.verdict, graders)
    return Owed(planned, Action.REGRADE if why else Action.REUSE, why or "unchanged", last.attempt)


def _changed(manifest: RunManifest, current: Current) -> dict[tuple[str, str], str]:
    """Reason by (`arm` or `task`, name) for what differs from the digests that the run has pinned."""
    reasons = {}
    for arm in manifest.arms:
        if current.arms.get(arm.name) != arm.digest:
            reasons["arm", arm.name] = f"arm {arm.name} changed"
    for task in manifest.tasks:
        if current.tasks.get(task.id) != task.digest:
            reasons["task", task.id] = f"task {task.id} changed"
        elif current.toolchains.get(task.toolchain) != task.toolchain_digest:
            reasons["task", task.id] = f"toolchain {task.toolchain} changed"
    return reasons


def _regrade(verdict: VerdictLine | None, graders: Mapping[str, str]) -> str | None:
    if verdict is None:
        return "not graded yet"
    if not verdict.validity.valid:
        return f"its verdict was {verdict.validity}"
    names = sorted(verdict.graders.keys() | graders.keys())
    changed = [name for name in names if verdict.graders.get(name) != graders.get(name)]
    return f"graders changed: {', '.join(changed)}" if changed else None
