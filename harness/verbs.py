"""What the verbs of the command line do: load, compose, carry out, print."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import compose
from harness.core.errors import UsageError
from harness.core.runs import Arm, JournalLine
from harness.load.prompts import Prompt
from harness.load.tasks import Bundle
from harness.models.script import Turn
from harness.report.progress import Progress
from harness.run import check as proof
from harness.run.plan import Action, Owed, owed
from harness.run.pool import Interrupted, Pool
from harness.run.session import Session
from harness.store import journal
from harness.store.layout import RunFolder, resolve_run

OK, OFF, INTERRUPTED = 0, 1, 130
PROMPT = "prompt.md"
"""The prompt stays with the run, so that it can be resumed wherever the run is kept."""


def run(parsed: argparse.Namespace) -> int:
    """`harness run`: plan, carry out, print the table."""
    choice = _choice(parsed)
    compose.api_key(choice)
    prompt, bundles = compose.chosen(choice)
    arms = compose.make_arms(choice, prompt, bundles)
    progress = Progress(sys.stderr)
    with compose.workshop(choice, arms, bundles, prompt, progress.say) as workshop:
        store = compose.make_store(choice, progress.say)
        kind = next(iter(workshop.labs.values())).provider.kind
        manifest = compose.manifest(choice, arms, bundles, store, kind)
        folder = RunFolder.create(choice.results, manifest)
        (folder.root / PROMPT).write_bytes(prompt.path.read_bytes())
        todo = tuple(Owed(planned, Action.RERUN, "not run yet", None) for planned in manifest.trials)
        progress.say(f"run {manifest.run}: {len(todo)} trials in {kind} sandboxes, {choice.jobs} at a time")
        code = _carry_out(workshop, folder, todo, progress)
    return code or _print_table(folder, "grid")


def resume(parsed: argparse.Namespace) -> int:
    """`harness resume`: what the run owes, by digest."""
    folder = resolve_run(_results(parsed), parsed.run)
    choice, prompt, bundles, arms = _pinned(parsed, folder)
    progress = Progress(sys.stderr)
    store = compose.make_store(choice, progress.say)
    lines, damages = journal.read(folder.journal)
    for damage in damages:
        progress.say(f"warning: {damage}")
    todo = owed(folder.manifest, lines, compose.current(folder.manifest, arms, bundles, store))
    if parsed.dry_run:
        for item in todo:
            print(f"{item.action:8} {item.planned.trial}  {item.planned.arm} on {item.planned.task}: {item.why}")
        return OK
    return _go_on(choice, arms, bundles, prompt, folder, todo, progress)


def grade(parsed: argparse.Namespace) -> int:
    """`harness grade`: judge sealed deliveries again, whatever the digests say."""
    folder = resolve_run(_results(parsed), parsed.run)
    choice, prompt, bundles, arms = _pinned(parsed, folder)
    lines, _ = journal.read(folder.journal)
    progress = Progress(sys.stderr)
    store = compose.make_store(choice, progress.say)
    current = compose.current(folder.manifest, arms, bundles, store)
    todo = tuple(
        replace(item, action=Action.REGRADE, why="asked for")
        for item in owed(folder.manifest, lines, current)
        if item.attempt is not None
    )
    return _go_on(choice, arms, bundles, prompt, folder, todo, progress)


def table(parsed: argparse.Namespace) -> int:
    """`harness table`."""
    return _print_table(resolve_run(_results(parsed), parsed.run), parsed.format)


def show(parsed: argparse.Namespace) -> int:
    """`harness show`."""
    from harness.report.show import show as shown

    print(shown(resolve_run(_results(parsed), parsed.run), parsed.trial, rules=parsed.rules))
    return OK


def check(parsed: argparse.Namespace) -> int:
    """`harness check`: prove tasks through the path that judges models."""
    choice = compose.Choice(tasks=(parsed.task,) if parsed.task else (), jobs=parsed.jobs)
    prompt, bundles = compose.chosen(choice)
    progress = Progress(sys.stderr)
    reports = [_check_one(choice, prompt, bundle, parsed.repeats, progress) for bundle in bundles]
    if parsed.format == "json":
        print(json.dumps([report.model_dump(mode="json") for report in reports], indent=2))
    else:
        print("\n\n".join(report.text() for report in reports))
    return OK if all(report.ok for report in reports) else OFF


def _check_one(
    choice: compose.Choice, prompt: Prompt, bundle: Bundle, repeats: int, progress: Progress
) -> proof.TaskProof:
    variants = proof.variants(bundle.flaws, bundle.alternatives, repeats)
    base = compose.player_arm("oracle", prompt, [bundle])
    arms = [base.model_copy(update={"name": name, "digest": f"{base.digest}:{name}"}) for name in variants]

    def script(of: Bundle, arm: Arm) -> Sequence[Turn]:
        kind, _, name = arm.name.partition(":")
        if kind == "no-op":
            return compose.play(of, arm.model_copy(update={"model": f"{compose.REFERENCE}noop"}))
        delivery = {"flaw": of.flawed, "alternative": of.alternatives.__getitem__}.get(kind, lambda _: of.solution)(
            name
        )
        return compose.play_delivery(of, delivery)

    with tempfile.TemporaryDirectory() as scratch:
        place = replace(choice, results=Path(scratch), name=f"check-{bundle.task.id}")
        with compose.workshop(place, arms, [bundle], prompt, progress.say, script) as workshop:
            manifest = compose.manifest(place, arms, [bundle], compose.make_store(place, progress.say), "bubblewrap")
            folder = RunFolder.create(place.results, manifest)
            progress.say(f"check {bundle.task.id}: {len(variants)} deliveries")
            todo = tuple(Owed(planned, Action.RERUN, "proof", None) for planned in manifest.trials)
            _carry_out(workshop, folder, todo, progress)
        return proof.prove(bundle.task, bundle.flaws, bundle.seed, bundle.checks, folder, compose.graders_digest())


def _carry_out(workshop: compose.Workshop, folder: RunFolder, todo: Sequence[Owed], progress: Progress) -> int:
    """Do what is owed, line by line into the journal; 130 when the user stopped it."""
    toolchain = folder.manifest.tasks[0].toolchain
    session = Session(folder, workshop.bench(toolchain), workshop.trial)
    needed = [item for item in todo if item.action is not Action.REUSE]
    pool: Pool[Owed, JournalLine] = Pool(session.work, workshop.choice.jobs)
    with folder.lock(), journal.Journal(folder.journal) as written, progress.following(folder.manifest, len(needed)):
        try:
            for line in pool.run(needed):
                written.append(line)
                progress.line(line)
        except Interrupted:
            progress.say("stopped; `harness resume` goes on from here")
            return INTERRUPTED
    return OK


def _go_on(
    choice: compose.Choice,
    arms: Sequence[Arm],
    bundles: Sequence[Bundle],
    prompt: Prompt,
    folder: RunFolder,
    todo: Sequence[Owed],
    progress: Progress,
) -> int:
    with compose.workshop(choice, arms, bundles, prompt, progress.say) as workshop:
        code = _carry_out(workshop, folder, todo, progress)
    return code or _print_table(folder, "grid")


def _print_table(folder: RunFolder, style: str) -> int:
    from harness.report import tables

    lines, damages = journal.read(folder.journal)
    for damage in damages:
        print(f"warning: {damage}", file=sys.stderr)
    summary = tables.summarise(folder.manifest, lines)
    print(tables.render(summary, style))
    return tables.exit_code(summary)


def _choice(parsed: argparse.Namespace) -> compose.Choice:
    choice = compose.Choice(
        tasks=parsed.tasks,
        agents=parsed.agents,
        model=parsed.model,
        repeats=parsed.repeats,
        sandbox=parsed.sandbox,
        results=_results(parsed),
        name=parsed.name,
        jobs=parsed.jobs,
        budget_usd=parsed.budget,
        prices=parsed.prices,
    )
    return replace(choice, prompt=parsed.prompt) if parsed.prompt else choice


def _pinned(parsed: argparse.Namespace, folder: RunFolder) -> tuple[compose.Choice, Prompt, list[Bundle], list[Arm]]:
    """What a run was made of, as it is now."""
    manifest = folder.manifest
    reference = [arm for arm in manifest.arms if arm.model.startswith(compose.REFERENCE)]
    real = [arm for arm in manifest.arms if arm not in reference]
    if len(real) > 1:
        raise UsageError("a run of several models cannot be resumed yet", where=manifest.run)
    choice = compose.Choice(
        tasks=[task.id for task in manifest.tasks],
        agents=[arm.name for arm in reference],
        model=real[0].model if real else None,
        results=_results(parsed),
        jobs=parsed.jobs,
        sandbox=manifest.sandbox,
        prompt=folder.root / PROMPT,
    )
    prompt, bundles = compose.chosen(choice)
    return choice, prompt, bundles, list(compose.make_arms(choice, prompt, bundles))


def _results(parsed: argparse.Namespace) -> Path:
    return Path(parsed.results) if parsed.results else compose.ROOT / "results"
