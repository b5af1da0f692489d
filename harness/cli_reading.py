"""Commands that read stored runs, and those that plan one: their flags. What they do is in `reading` and `nightly`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Verbs = argparse._SubParsersAction  # the type that `add_subparsers` returns


def parsers(verbs: Verbs[argparse.ArgumentParser]) -> None:
    """Add these commands."""
    _compare(verbs)
    _diff(verbs)
    _gate(verbs)
    _nightly(verbs)
    _views(verbs)
    _override(verbs)
    _export(verbs)


def _compare(verbs: Verbs[argparse.ArgumentParser]) -> None:
    compare = verbs.add_parser("compare", help="hold arm B against arm A: better, worse, or no difference seen")
    compare.add_argument("a", metavar="A", help="ARM, RUN:ARM, or a RUN with one arm")
    compare.add_argument("b", metavar="B", help="the arm that is asked about, named alike")
    compare.add_argument("--run", help="run of arms named without one (default: the newest)")
    compare.add_argument("--rules", action="store_true", help="every rule that was compared, not only those that moved")
    compare.add_argument("--clauses", action="store_true", help="the matrix of clauses and arms")
    compare.add_argument(
        "--question",
        choices=("population", "suite"),
        default="population",
        help="on tasks like these (default), or on these tasks",
    )
    compare.add_argument("--anyway", action="store_true", help="rank although conditions differ; they are told")
    compare.add_argument("--format", default="grid", choices=("grid", "markdown", "json"), help="default: grid")
    _done(compare, "compare")


def _diff(verbs: Verbs[argparse.ArgumentParser]) -> None:
    diff = verbs.add_parser("diff", help="two trials of a task: where their transcripts part, verdicts side by side")
    diff.add_argument("trials", nargs=2, metavar="TRIAL", help="key or its beginning; RUN:TRIAL for another run's")
    diff.add_argument("--run", help="run of trials named without one (default: the newest)")
    _done(diff, "diff")


def _gate(verbs: Verbs[argparse.ArgumentParser]) -> None:
    gate = verbs.add_parser("gate", help="exit 1 when a run is worse than a baseline, 3 when the run is invalid")
    gate.add_argument("--baseline", type=Path, required=True, metavar="FILE", help="made by `harness baseline save`")
    gate.add_argument("--against", metavar="RUN", help="run that is asked about (default: the newest)")
    gate.add_argument("--arm", help="its arm (default: the baseline's, or the only one)")
    gate.add_argument("--rules", action="store_true", help="rules that got worse count as a regression too")
    gate.add_argument("--anyway", action="store_true", help="judge although conditions differ; they are told")
    gate.add_argument("--format", default="text", choices=("text", "json"), help="default: text")
    _done(gate, "gate")
    baseline = verbs.add_parser("baseline", help="keep a run's counts as a small file to gate against")
    baseline.add_argument("action", choices=("save",))
    baseline.add_argument("run", nargs="?", help="run (default: the newest)")
    baseline.add_argument("--arm", help="arm (default: the only one)")
    baseline.add_argument("--out", type=Path, metavar="FILE", help="default: results/baselines/ARM.json")
    _done(baseline, "baseline")


def _nightly(verbs: Verbs[argparse.ArgumentParser]) -> None:
    nightly = verbs.add_parser(
        "nightly", help="run candidate and pinned control interleaved, or take a run of both; watch the trend"
    )
    nightly.add_argument("--matrix", type=Path, metavar="FILE", help="arms to run, one of them the control")
    nightly.add_argument("--take", metavar="RUN", help="a run of both arms that is already there")
    nightly.add_argument("--candidate", default="candidate", metavar="ARM", help="default: candidate")
    nightly.add_argument("--control", default="control", metavar="ARM", help="default: control")
    nightly.add_argument("--history", type=Path, metavar="FILE", help="default: results/nightly.jsonl")
    nightly.add_argument("--plot", type=Path, metavar="FILE", help="default: results/nightly.svg")
    nightly.add_argument("--budget", type=float, metavar="USD", help="cap on the money of the night")
    nightly.add_argument("--rulebook", type=Path, metavar="FILE", help="as in harness run (default: the shipped one)")
    nightly.add_argument("--sandbox", default="auto", help="auto, docker or bubblewrap")
    nightly.add_argument("--jobs", type=int, default=2, help="trials at once (default: 2)")
    nightly.add_argument("--format", default="grid", choices=("grid", "markdown", "json"), help="default: grid")
    # A night is an ordinary run: its flags are read by the parser of `harness run`.
    nightly.set_defaults(run_parser=verbs.choices["run"])
    _done(nightly, "nightly", "harness.nightly")


def _views(verbs: Verbs[argparse.ArgumentParser]) -> None:
    for name, told in (
        ("reliability", "pass@k, pass^k and G-Pass@k of each arm"),
        ("front", "which arms are worth their money: success against cost"),
        ("history", "how often each task was solved, run by run"),
    ):
        view = verbs.add_parser(name, help=told)
        view.add_argument("runs", nargs="*", metavar="RUN", help="runs (default: the newest; for history: all)")
        view.add_argument("--format", default="grid", choices=("grid", "markdown", "json"), help="default: grid")
        _done(view, name)


def _override(verbs: Verbs[argparse.ArgumentParser]) -> None:
    override = verbs.add_parser("override", help="dispute a finding, with a reason; without arguments: those made")
    override.add_argument("trial", nargs="?", help="key or its beginning")
    override.add_argument("check", nargs="?", help="id of a check or rule")
    override.add_argument(
        "--as", dest="answer", choices=("pass", "fail", "not_applicable", "withdrawn"), help="what holds instead"
    )
    override.add_argument("--why", default="", help="the reason, for whoever reads the tables")
    override.add_argument("--by", help="who says so (default: the user's login name)")
    override.add_argument("--run", help="run (default: the newest)")
    _done(override, "override")


def _export(verbs: Verbs[argparse.ArgumentParser]) -> None:
    export = verbs.add_parser("export", help="a run as JUnit XML, tidy CSV, or a job summary in Markdown")
    export.add_argument("form", choices=("junit", "csv", "summary"))
    export.add_argument("run", nargs="?", help="run (default: the newest)")
    export.add_argument("--out", type=Path, metavar="FILE", help="write there instead of to standard output")
    _done(export, "export")


def _done(parser: argparse.ArgumentParser, verb: str, module: str = "harness.reading") -> None:
    parser.add_argument("--results", type=Path, metavar="DIR", help="results folder (default: results/)")
    parser.set_defaults(verb=_later(module, verb))


def _later(module: str, verb: str) -> Callable[[argparse.Namespace], int]:
    def call(parsed: argparse.Namespace) -> int:
        return int(getattr(import_module(module), verb)(parsed))

    return call
