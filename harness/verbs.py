"""What the verbs of the command line do: load, compose, carry out, print."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from harness import compose
from harness.core.errors import UsageError
from harness.core.records import Cost
from harness.core.runs import Arm, JournalLine, PlannedTask, RunManifest
from harness.gateway.exchange import Patience
from harness.gateway.prices import SHIPPED
from harness.load.matrix import ArmChoice, crossed, load_matrix, parse_limits
from harness.load.prompts import Prompt
from harness.load.tasks import Bundle
from harness.models.script import Turn
from harness.report.progress import Progress
from harness.run import check as proof
from harness.run import verify as again
from harness.run.grade import Bench
from harness.run.plan import Action, Current, Owed, owed, owed_after, replan, spent_by_trial
from harness.run.pool import Interrupted, Pool, stopped_by_signals
from harness.run.session import Session
from harness.run.solve import kickoff_digest
from harness.sandboxes.lab import SandboxLab
from harness.store import journal, recover
from harness.store.layout import RunFolder, hold, resolve_run, write_atomic
from harness.store.log import LOG, RunLog
from harness.stored import Stored, print_table, read_lines, warn

OK, OFF, BUDGET, INTERRUPTED = 0, 1, 4, 130
PRICES = "prices.toml"
"""Prices stay with the run, so that a resumed one goes on counting in the same money."""
RULEBOOK = "rulebook.toml"
"""So does the rulebook: all trials of a run are held to one, until `harness grade --rulebook` puts another there."""


def run(parsed: argparse.Namespace) -> int:
    """`harness run`: plan, carry out, print the table."""
    choice = chosen_by(parsed)
    compose.api_key(choice)
    prompt, bundles = compose.chosen(choice)
    arms = compose.make_arms(choice, prompt, bundles)
    progress = Progress(sys.stderr)
    for model in compose.unpriced(choice, arms):
        progress.say(f"warning: no price for {model}: its cost is a floor, and limits on money cannot hold")
    log = _log(parsed, progress)
    with (
        hold(choice.results),
        compose.workshop(choice, arms, bundles, prompt, progress.say, log=log.write) as workshop,
    ):
        store = compose.make_store(choice, progress.say)
        manifest = compose.manifest(choice, arms, bundles, store, next(iter(workshop.labs.values())))
        beside = compose.kept_prompts(choice, prompt) | {
            PRICES: (choice.prices or SHIPPED).read_bytes(),
            RULEBOOK: (choice.rulebook or compose.RULEBOOK).read_bytes(),
        }
        folder = RunFolder.create(choice.results, manifest, beside)
        todo = tuple(Owed(planned, Action.RERUN, "not run yet", None) for planned in manifest.trials)
        progress.say(f"run {manifest.run}: {len(todo)} trials in {manifest.sandbox} sandboxes, {choice.jobs} at a time")
        with folder.lock():
            code = _carry_out(workshop, folder, todo, progress, log)
    return _closing(code, folder)


def resume(parsed: argparse.Namespace) -> int:
    """`harness resume`: what the run owes, by digest."""
    found = resolve_run(_results(parsed), parsed.run)
    progress = Progress(sys.stderr)
    if parsed.dry_run:
        pinned = _pinned(parsed, found, progress)
        for item in owed_after(found.manifest, pinned.replanned(found), read_lines(found), pinned.current):
            print(f"{item.action:8} {item.planned.trial}  {item.planned.arm} on {item.planned.task}: {item.why}")
        return OK
    with _held(found) as folder:
        pinned = _pinned(parsed, folder, progress)
        replanned = pinned.replanned(folder)
        lines = _recover(folder, progress)
        todo = owed_after(folder.manifest, replanned, lines, pinned.current)
        folder = folder.replan(replanned.model_copy(update={"budget_usd": pinned.choice.budget_usd}))
        code = _go_on(parsed, pinned, folder, todo, lines, progress)
    return _closing(code, folder)


def grade(parsed: argparse.Namespace) -> int:
    """`harness grade`: judge sealed deliveries again, whatever the digests say."""
    progress = Progress(sys.stderr)
    if parsed.rulebook:
        compose.graders(parsed.rulebook)
    with _held(resolve_run(_results(parsed), parsed.run)) as folder:
        if parsed.rulebook:
            write_atomic(folder.root / RULEBOOK, parsed.rulebook.read_bytes())
        pinned = _pinned(parsed, folder, progress)
        lines = _recover(folder, progress)
        todo = _asked_for(folder, lines, pinned.current, progress)
        code = _go_on(parsed, pinned, folder, todo, lines, progress)
    return _closing(code, folder)


def verify(parsed: argparse.Namespace) -> int:
    """`harness verify`: a stored verdict once more, from the sealed snapshot; no agent, no model, no key."""
    folder = resolve_run(_results(parsed), parsed.run, warn)
    planned, stored = again.find(folder, parsed.trial)
    manifest = folder.manifest
    tasks = compose.places(folder, planned.task)
    choice = compose.Choice(tasks=tasks, sandbox=manifest.sandbox, runtime=manifest.runtime)
    bundle = compose.chosen(choice)[1][0]
    toolchain = bundle.task.file.toolchain
    lab = compose.make_lab(choice, compose.make_store(choice, Progress(sys.stderr).say), toolchain)
    found = again.verify(bundle.task, folder, stored, _bench(folder, lab))
    print(found.text())
    return OK if found.same else OFF


def _bench(folder: RunFolder, lab: SandboxLab) -> Bench:
    rulebook = _kept(folder, RULEBOOK)
    return Bench(compose.graders(rulebook), compose.graders_digest(rulebook), lab)


def show(parsed: argparse.Namespace) -> int:
    """`harness show`."""
    from harness.report.show import show as shown

    print(shown(resolve_run(_results(parsed), parsed.run, warn), parsed.trial, rules=parsed.rules))
    return OK


def check(parsed: argparse.Namespace) -> int:
    """`harness check`: prove tasks through the path that judges models."""
    tasks = (*((parsed.task,) if parsed.task else ()), *parsed.tasks)
    choice = compose.Choice(tasks=tasks, jobs=parsed.jobs, rulebook=parsed.rulebook)
    compose.graders(choice.rulebook)
    prompt, bundles = compose.chosen(choice)
    progress = Progress(sys.stderr)
    day = datetime.now(UTC).toordinal()
    stale = {bundle.task.id: compose.stale(bundle, compose.make_store(choice, progress.say)) for bundle in bundles}
    bundles = due(bundles, stale, parsed.due, day)
    flaws = {bundle.task.id: proof.rotation(bundle.flaws, parsed.flaws, day) for bundle in bundles}
    reports = [check_one(choice, prompt, each, flaws[each.task.id], parsed.repeats, progress) for each in bundles]
    if parsed.format == "json":
        print(json.dumps([report.model_dump(mode="json") for report in reports], indent=2))
    else:
        print("\n\n".join(report.text() + _to_prove(stale[report.task]) for report in reports))
    return OK if all(report.ok for report in reports) else OFF


def due(bundles: Sequence[Bundle], stale: Mapping[str, Sequence[str]], number: int | None, day: int) -> list[Bundle]:
    """Tasks whose record is not of now, and `number` others that go round by day; all of them without a number."""
    if number is None:
        return list(bundles)
    turn = proof.rotation([name for name, parts in stale.items() if not parts], number, day)
    return [bundle for bundle in bundles if stale[bundle.task.id] or bundle.task.id in turn]


def _to_prove(stale: Sequence[str]) -> str:
    return f"\n  note: the record is not of now ({', '.join(stale)}); `make proof` renews it" if stale else ""


def check_one(
    choice: compose.Choice, prompt: Prompt, bundle: Bundle, flaws: Sequence[str], repeats: int, progress: Progress
) -> proof.TaskProof:
    """The proof of one task with these of its flaws."""
    variants = proof.variants(flaws, bundle.alternatives, repeats)
    base = compose.player_arm("oracle", prompt, [bundle])
    arms = [base.model_copy(update={"name": name, "digest": f"{base.digest}:{name}"}) for name in variants]

    def script(of: Bundle, arm: Arm) -> Sequence[Turn]:
        kind, _, name = arm.name.partition(":")
        if kind == "no-op":
            return compose.play(of, arm.model_copy(update={"model": f"{compose.REFERENCE}noop"}))
        if kind == "flaw":
            return compose.play_delivery(of, of.flawed(name))
        return compose.play_delivery(of, of.alternatives[name] if kind == "alternative" else of.solution)

    with tempfile.TemporaryDirectory() as scratch:
        place = replace(choice, results=Path(scratch), name=f"check-{bundle.task.id}")
        with compose.workshop(place, arms, [bundle], prompt, progress.say, script) as workshop:
            lab = next(iter(workshop.labs.values()))
            manifest = compose.manifest(place, arms, [bundle], compose.make_store(place, progress.say), lab)
            folder = RunFolder.create(place.results, manifest)
            progress.say(f"check {bundle.task.id}: {len(variants)} deliveries")
            todo = tuple(Owed(planned, Action.RERUN, "proof", None) for planned in manifest.trials)
            if _carry_out(workshop, folder, todo, progress, RunLog()) == INTERRUPTED:
                raise KeyboardInterrupt
        return proof.prove(
            bundle.task, bundle.flaws, bundle.seed, bundle.checks, folder, compose.graders_digest(choice.rulebook)
        )


def _carry_out(
    workshop: compose.Workshop,
    folder: RunFolder,
    todo: Sequence[Owed],
    progress: Progress,
    log: RunLog,
    before: Cost | None = None,
) -> int:
    """Do what is owed, line by line into the journal; 130 when the user stopped it, 4 when the budget did.

    `before`: what the run had cost already.
    """
    toolchain = folder.manifest.tasks[0].toolchain
    gateway, cost = workshop.gateway, before or Cost()
    gone = gateway.spent() - cost.micro_usd
    stop = threading.Event()
    session = Session(
        folder, workshop.bench(toolchain), workshop.trial, stop, workshop.gateway.budget_spent, _noticed(log, progress)
    )
    needed = [item for item in todo if item.action is not Action.REUSE]
    pool: Pool[Owed, JournalLine] = Pool(session.work, workshop.choice.jobs, stop)
    with (
        journal.Journal(folder.journal) as written,
        log.opened(folder.root / LOG),
        progress.following(folder.manifest, len(needed), gateway.waited_s, lambda: gateway.spent() - gone, cost),
        stopped_by_signals(pool.stop),
    ):
        log.write("begins", {"run": folder.manifest.run, "owed": len(needed), "planned": len(todo)})
        try:
            for line in pool.run(needed):
                written.append(line)
                progress.line(line)
        except Interrupted:
            log.write("stopped", {"by": "signal"})
            return INTERRUPTED
        log.write("ends", {"budget_spent": workshop.gateway.budget_spent()})
    return BUDGET if workshop.gateway.budget_spent() else OK


def _go_on(
    parsed: argparse.Namespace,
    pinned: _Pinned,
    folder: RunFolder,
    todo: Sequence[Owed],
    lines: Sequence[JournalLine],
    progress: Progress,
) -> int:
    log = _log(parsed, progress)
    made = pinned.choice, pinned.arms, pinned.bundles, pinned.prompt
    with compose.workshop(*made, progress.say, spent=spent_by_trial(lines), log=log.write) as workshop:
        _on_the_same_base(folder, todo, next(iter(workshop.labs.values())).base)
        before = sum((line.cost for line in lines if line.type == "attempt"), Cost())
        return _carry_out(workshop, folder, todo, progress, log, before)


def _on_the_same_base(folder: RunFolder, todo: Sequence[Owed], base: str) -> None:
    """`UsageError` where agents would work in containers of another base than the agents of this run so far."""
    before = folder.manifest.base
    if before and base != before and any(item.action is Action.RERUN for item in todo):
        raise UsageError(
            f"the containers' base image is {base}, this run began on {before}",
            where=str(folder.root / "run.json"),
            mend=f"HARNESS_DOCKER_BASE={before} while the daemon holds it; or start a new run",
        )


def _asked_for(
    folder: RunFolder, lines: Sequence[JournalLine], current: Current, progress: Progress
) -> tuple[Owed, ...]:
    """Every sealed attempt that can still be judged by the task it was made for."""
    found = owed(folder.manifest, lines, current)
    for item in found:
        if item.attempt is None:
            progress.say(f"not judged again: {item.planned.arm} on {item.planned.task}: {item.why}")
    return tuple(replace(item, action=Action.REGRADE, why="asked for") for item in found if item.attempt is not None)


def _log(parsed: argparse.Namespace, progress: Progress) -> RunLog:
    return RunLog(progress.say if parsed.verbose else None)


NOTICED = {
    "given up": "{what} failed trial after trial ({why}): none that needs it is started any more;"
    " `harness resume` owes the rest"
}
"""Events of the log that nobody should have to look for."""


def _noticed(log: RunLog, progress: Progress) -> Callable[[str, Mapping[str, JsonValue]], None]:
    def write(event: str, data: Mapping[str, JsonValue]) -> None:
        log.write(event, data)
        if event in NOTICED:
            progress.say(NOTICED[event].format(**data))

    return write


def _recover(folder: RunFolder, progress: Progress) -> list[JournalLine]:
    """Write the lines that a killed harness left out, once, and remove what it was writing; the whole journal."""
    lines, damages = journal.read(folder.journal)
    for damage in damages:
        progress.say(f"warning: {damage}")
    recover.sweep(folder)
    left = recover.killed(folder, lines)
    with journal.Journal(folder.journal) as written:
        for line in left:
            written.append(line)
            progress.say(f"found attempt {line.attempt} of {line.trial} without a line: {line.validity}")
    return [*lines, *left]


def _closing(code: int, folder: RunFolder) -> int:
    """Print the table unless the user stopped the run; the exit code."""
    if code == INTERRUPTED:
        print("stopped; `harness resume` goes on from here", file=sys.stderr)
        return code
    if code == BUDGET:
        print("the run's budget is spent; `harness resume --budget USD` goes on with a larger one", file=sys.stderr)
    found = print_table(Stored(folder), "grid")
    return code or found


def chosen_by(parsed: argparse.Namespace) -> compose.Choice:
    """What the flags of `harness run` ask for; `UsageError` for what is wrong with a file that they name."""
    if parsed.rulebook:
        compose.graders(parsed.rulebook)
    matrix = load_matrix(parsed.matrix) if parsed.matrix else None
    choice = compose.Choice(
        tasks=parsed.tasks or (matrix.tasks if matrix else ()),
        agents=parsed.agents,
        repeats=parsed.repeats or (matrix.repeats if matrix else None) or 1,
        sandbox=parsed.sandbox,
        runtime=parsed.runtime,
        results=_results(parsed),
        name=parsed.name,
        jobs=parsed.jobs,
        budget_usd=parsed.budget,
        prices=parsed.prices,
        rulebook=parsed.rulebook,
        patience=_patience(parsed),
    )
    if matrix is not None:
        _alone(parsed, "model", "prompt", "limits")
        return replace(choice, arms=matrix.arms)
    return _by_flags(parsed, choice)


def _by_flags(parsed: argparse.Namespace, choice: compose.Choice) -> compose.Choice:
    """One prompt and one model are the plain case; several of anything are a matrix."""
    prompts = [Path(name) for name in parsed.prompt]
    if len(prompts) == 1:
        choice = replace(choice, prompt=prompts[0])
    if len(prompts) < 2 and len(parsed.model) < 2 and not parsed.limits:
        return replace(choice, model=parsed.model[0] if parsed.model else None)
    if not parsed.model:
        mend = "name at least one --model: an exact id, `prompt`, or reference/oracle"
        raise UsageError("several prompts or limits and no model to run them on", where="--model", mend=mend)
    named = {path.stem: path for path in prompts}
    if len(named) < len(prompts):
        raise UsageError("two prompts with the same file name", where="--prompt", mend="name them in a --matrix FILE")
    limits = {text.replace(",", "_"): parse_limits(text, "--limits") for text in parsed.limits}
    return replace(choice, arms=crossed(named, parsed.model, limits))


def _alone(parsed: argparse.Namespace, *flags: str) -> None:
    both = [flag for flag in flags if getattr(parsed, flag)]
    if both:
        raise UsageError(f"--{both[0]} beside --matrix", where="--matrix", mend="say it in the file")


@contextmanager
def _held(found: RunFolder) -> Iterator[RunFolder]:
    """The run with every other harness process kept out; its plan is read again, for another may have changed it."""
    with hold(found.root.parent), found.lock():
        yield RunFolder.open(found.root)


@dataclass(frozen=True)
class _Pinned:
    """What a run was made of, as it is now."""

    choice: compose.Choice
    prompt: Prompt
    bundles: Sequence[Bundle]
    arms: Sequence[Arm]
    tasks: Sequence[PlannedTask]
    current: Current

    def replanned(self, folder: RunFolder) -> RunManifest:
        """The run's plan by the digests of now."""
        plan = replan(folder.manifest, self.arms, self.tasks)
        return plan.model_copy(update={"kickoff_digest": kickoff_digest()})


def _pinned(parsed: argparse.Namespace, folder: RunFolder, progress: Progress) -> _Pinned:
    manifest = folder.manifest
    asked = [ArmChoice(arm.name, arm.model, compose.kept_prompt(folder, arm), arm.limits) for arm in manifest.arms]
    choice = compose.Choice(
        tasks=compose.places(folder),
        arms=asked,
        results=_results(parsed),
        jobs=parsed.jobs,
        sandbox=manifest.sandbox,
        runtime=manifest.runtime,
        prompt=compose.kept_prompt(folder, manifest.arms[0]),
        prices=_kept(folder, PRICES),
        rulebook=_kept(folder, RULEBOOK),
        budget_usd=getattr(parsed, "budget", None) or manifest.budget_usd,
        patience=_patience(parsed),
    )
    prompt, bundles = compose.chosen(choice)
    arms = compose.make_arms(choice, prompt, bundles)
    store = compose.make_store(choice, progress.say)
    tasks = compose.planned_tasks(bundles, store)
    return _Pinned(
        choice, prompt, bundles, arms, tasks, compose.current(manifest, arms, bundles, store, choice.rulebook)
    )


def _kept(folder: RunFolder, name: str) -> Path | None:
    """A file that the run keeps beside its plan, None where an older harness kept none."""
    path = folder.root / name
    return path if path.exists() else None


def _patience(parsed: argparse.Namespace) -> Patience:
    return getattr(parsed, "patience", None) or Patience()


def _results(parsed: argparse.Namespace) -> Path:
    return Path(parsed.results) if parsed.results else compose.ROOT / "results"
