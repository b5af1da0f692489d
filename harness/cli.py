"""The command line: verbs with few flags; everything heavy is imported by the verb that needs it.

Exit codes: 0 ok, 1 regression or a task that is off, 2 usage, 3 invalid run, 4 budget spent, 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness import cli_reading

if TYPE_CHECKING:
    from harness.gateway.exchange import Patience

PYTHON = (3, 11)
OK, OFF, USAGE, INVALID, BUDGET, INTERRUPTED = 0, 1, 2, 3, 4, 130
GOES_ON = "; `harness resume` goes on from here"
SWEEP_AFTER = 100_000
"""Objects between two sweeps of the garbage collector: Python's own 700 make a quarter of a grade sweeps."""


def main(arguments: Sequence[str] | None = None, patience: Patience | None = None) -> int:
    """Run one command; the exit code. `patience`: with the upstream, where a caller has another than the gateway's."""
    if sys.version_info < PYTHON:
        print(
            f"harness: Python {PYTHON[0]}.{PYTHON[1]} or newer is needed, this is {sys.version.split()[0]}",
            file=sys.stderr,
        )
        return USAGE
    gc.set_threshold(SWEEP_AFTER)
    parsed = _parser().parse_args(arguments)
    parsed.patience = patience
    from harness.core.errors import Failure, UsageError

    try:
        return int(parsed.verb(parsed))
    except UsageError as error:
        print(f"harness: {error}", file=sys.stderr)
        return USAGE
    except Failure as failure:
        print(f"harness: {failure}", file=sys.stderr)
        return INVALID
    except KeyboardInterrupt:
        print(f"harness: interrupted{GOES_ON if parsed.verb in (_run, _resume, _grade) else ''}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness", description="Says whether a coding agent kept its contract: solved, truthful, obeyed."
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _run_parser(verbs)
    _stored_parsers(verbs)
    _check_parser(verbs)
    _new_parser(verbs)
    _prompt_parser(verbs)
    _machine_parsers(verbs)
    cli_reading.parsers(verbs)
    return parser


def _run_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="run agents on tasks, judge their deliveries, print the table")
    _run_flags(run)
    run.set_defaults(verb=_run)
    plan = verbs.add_parser("plan", help="before money is spent: trials, what they could tell apart, cost and time")
    _run_flags(plan)
    plan.add_argument("--mde", action="store_true", help="only what the design could tell apart")
    plan.add_argument(
        "--probe", action="store_true", help="where a model has no history, run one trial of each arm first"
    )
    plan.set_defaults(verb=_plan)


def _run_flags(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--tasks",
        type=_tasks,
        default=(),
        metavar="A,B|DIR",
        help="task ids, or a folder of tasks kept elsewhere (default: all)",
    )
    run.add_argument(
        "--agents", type=_names, default=(), metavar="A,B", help="reference agents (default: the shipped four)"
    )
    run.add_argument(
        "--model",
        type=_names,
        default=(),
        metavar="A,B",
        help="exact model ids, or `prompt` for the one the prompt names; key from ANTHROPIC_API_KEY",
    )
    run.add_argument(
        "--prompt",
        type=_paths,
        default=(),
        metavar="A,B",
        help="agent files with YAML frontmatter (default: prompts/python-dev.md)",
    )
    run.add_argument(
        "--limits",
        action="append",
        default=[],
        metavar="turns=40,usd=2",
        help="`task` for its own; again for another arm",
    )
    run.add_argument("--matrix", type=Path, metavar="FILE", help="prompts x models x limits from a file")
    run.add_argument("--repeats", type=_positive, help="trials of each agent on each task (default: 1)")
    run.add_argument("--sandbox", default="auto", help="auto, docker or bubblewrap")
    run.add_argument(
        "--runtime",
        default="",
        metavar="NAME",
        help="runtime of docker's containers, e.g. runsc (default: the daemon's)",
    )
    run.add_argument("--jobs", type=_positive, default=2, help="trials at once (default: 2)")
    run.add_argument("--budget", type=float, metavar="USD", help="cap on the money of the whole run")
    run.add_argument("--prices", type=Path, metavar="FILE", help="price table to use instead of the shipped one")
    _rulebook(run)
    run.add_argument("--name", help="name of the run (default: date and time)")
    _tells(run)
    _results(run)


def _stored_parsers(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    resume = verbs.add_parser("resume", help="do exactly what a run still owes")
    _which(resume)
    resume.add_argument(
        "--dry-run", action="store_true", help="only say what would be reused, regraded, run again, and why"
    )
    resume.add_argument("--jobs", type=_positive, default=2, help="trials at once (default: 2)")
    resume.add_argument("--budget", type=float, metavar="USD", help="another cap on the money of the whole run")
    _tells(resume)
    resume.set_defaults(verb=_resume)
    grade = verbs.add_parser("grade", help="judge a run's sealed deliveries again; no agent is run")
    _which(grade)
    grade.add_argument("--jobs", type=_positive, default=2, help="trials at once (default: 2)")
    _rulebook(grade, "the run's own")
    _tells(grade)
    grade.set_defaults(verb=_grade)
    table = verbs.add_parser("table", help="print a run's table")
    _which(table)
    table.add_argument("--format", default="grid", choices=("grid", "markdown", "csv", "json"), help="default: grid")
    table.add_argument("--clauses", action="store_true", help="which clause of the contract each arm keeps")
    table.set_defaults(verb=_table)
    show = verbs.add_parser("show", help="one trial: transcript, diff, report, findings with their places")
    show.add_argument("trial", help="a trial's key, or its beginning")
    show.add_argument("--run", dest="run", help="run (default: the newest)")
    show.add_argument("--rules", action="store_true", help="only the findings of rules, each with the rule's sentence")
    _results(show)
    show.set_defaults(verb=_show)
    verify = verbs.add_parser("verify", help="reach a stored verdict again from its sealed snapshot; 1 if it differs")
    verify.add_argument("trial", help="a trial's key, or its beginning")
    verify.add_argument("--run", dest="run", help="run (default: the newest)")
    _results(verify)
    verify.set_defaults(verb=_verify)


def _check_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = verbs.add_parser("check", help="prove tasks: reference, no-op floor, alternatives, flaws, clauses, leaks")
    check.add_argument("task", nargs="?", help="task id, or a folder of tasks kept elsewhere (default: all)")
    check.add_argument("--tasks", type=_tasks, default=(), metavar="A,B|DIR", help="several, as in harness run")
    check.add_argument("--format", default="grid", choices=("grid", "json"), help="default: grid")
    check.add_argument("--repeats", type=_positive, default=5, help="runs of the reference delivery (default: 5)")
    check.add_argument("--flaws", type=_positive, metavar="N", help="play only N flaws, others each day (default: all)")
    check.add_argument(
        "--due", type=_positive, metavar="N", help="only tasks that changed since `make proof`, and N more"
    )
    check.add_argument("--jobs", type=_positive, default=2, help="trials at once (default: 2)")
    _rulebook(check)
    check.set_defaults(verb=_check)
    _proof_parser(verbs)


def _proof_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    proof = verbs.add_parser("proof", help="show that a task's checks are strong: mutants, partial deliveries, flakes")
    proof.add_argument("task", nargs="?", help="task id, or a folder of tasks kept elsewhere (default: all)")
    proof.add_argument("--tasks", type=_tasks, default=(), metavar="A,B|DIR", help="several, as in harness run")
    proof.add_argument("--parts", type=_names, default=(), metavar="A,B", help="mutation, partial, flakes, checked")
    proof.add_argument("--mutants", type=_positive, default=90, help="viable mutants of the sample (default: 90)")
    proof.add_argument("--replay", type=_positive, metavar="N", help="only play N killed mutants of the record again")
    proof.add_argument(
        "--due", type=_positive, metavar="N", help="only tasks that changed since `make proof`, and N more"
    )
    proof.add_argument("--jobs", type=_positive, default=2, help="deliveries at once (default: 2)")
    _tells(proof)
    proof.set_defaults(verb=_proof)


def _new_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    new = verbs.add_parser("new", help="begin something: `harness new task NAME`")
    kinds = new.add_subparsers(title="what", required=True, metavar="WHAT")
    task = kinds.add_parser("task", help="a small whole task, with every place marked that its author has to fill in")
    task.add_argument("name", help="id of the task: small letters, digits, '-'")
    task.add_argument("--tasks", type=Path, metavar="DIR", help="folder to put it in (default: tasks/)")
    task.set_defaults(verb=_new_task)


def _prompt_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    prompt = verbs.add_parser("prompt", help="what an agent file demands, sentence by sentence, and what decides it")
    prompt.add_argument("files", nargs="+", type=Path, metavar="FILE", help="agent file; two with --diff")
    prompt.add_argument("--diff", action="store_true", help="what two versions demand differently")
    _rulebook(prompt)
    prompt.set_defaults(verb=_prompt)


def _machine_parsers(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = verbs.add_parser("doctor", help="what this machine can do: isolation, limits, disk; what to mend")
    doctor.add_argument("--format", default="text", choices=("text", "json"), help="default: text")
    doctor.set_defaults(verb=_doctor)
    clean = verbs.add_parser("clean", help="remove built images, and what killed runs left")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed, with sizes")
    clean.set_defaults(verb=_clean)


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", help="run (default: the newest)")
    _results(parser)


def _results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, metavar="DIR", help="results folder (default: results/)")


def _rulebook(parser: argparse.ArgumentParser, default: str = "the shipped one") -> None:
    parser.add_argument(
        "--rulebook", type=Path, metavar="FILE", help=f"which rules the prompt is held to (default: {default})"
    )


def _tells(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="store_true", help="follow the run's log on standard error")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace(" ", ",").split(",") if part)


def _tasks(text: str) -> tuple[str, ...]:
    """Names, or paths; a folder may have a blank or a comma in its name."""
    return (text,) if Path(text).is_dir() else _names(text)


def _paths(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _run(parsed: argparse.Namespace) -> int:
    from harness import verbs

    return verbs.run(parsed)


def _plan(parsed: argparse.Namespace) -> int:
    from harness import nightly

    return nightly.plan(parsed)


def _resume(parsed: argparse.Namespace) -> int:
    from harness import verbs

    return verbs.resume(parsed)


def _grade(parsed: argparse.Namespace) -> int:
    from harness import verbs

    return verbs.grade(parsed)


def _table(parsed: argparse.Namespace) -> int:
    from harness import stored

    return stored.table(parsed)


def _show(parsed: argparse.Namespace) -> int:
    from harness import verbs

    return verbs.show(parsed)


def _verify(parsed: argparse.Namespace) -> int:
    from harness import verbs

    return verbs.verify(parsed)


def _check(parsed: argparse.Namespace) -> int:
    from harness import verbs

    return verbs.check(parsed)


def _new_task(parsed: argparse.Namespace) -> int:
    from harness import proving

    return proving.new_task(parsed)


def _proof(parsed: argparse.Namespace) -> int:
    from harness import proving

    return proving.proof(parsed)


def _prompt(parsed: argparse.Namespace) -> int:
    from harness import prompting

    return prompting.prompt(parsed)


def _doctor(parsed: argparse.Namespace) -> int:
    from harness import doctor

    return doctor.doctor(parsed)


def _clean(parsed: argparse.Namespace) -> int:
    from harness import doctor

    return doctor.cleaned(parsed)
