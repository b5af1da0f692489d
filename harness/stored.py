"""A stored run as it stands, and its table: all that looking at results takes, without what running takes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.runs import Arm, JournalLine
from harness.core.scores import TrialResult, clause_means, trial_results
from harness.store import journal, overrides, recover
from harness.store.layout import RunFolder, locked, resolve_run, runs
from harness.store.overrides import Override

if TYPE_CHECKING:
    from harness.report.compare import Side

NOOP = "reference/noop"
"""Model of the reference agent that does nothing."""
ReadT = TypeVar("ReadT")
RESULTS = Path(__file__).resolve().parent.parent / "results"


@dataclass(frozen=True)
class Stored:
    """A run as it stands, with what people dispute applied."""

    folder: RunFolder

    @cached_property
    def _applied(self) -> tuple[list[JournalLine], tuple[Override, ...]]:
        return overrides.applied(self.folder, read_lines(self.folder))

    @property
    def lines(self) -> list[JournalLine]:
        return self._applied[0]

    @property
    def disputed(self) -> tuple[Override, ...]:
        return self._applied[1]

    @cached_property
    def results(self) -> tuple[TrialResult, ...]:
        return trial_results(self.folder.manifest, self.lines)

    @cached_property
    def floors(self) -> Mapping[str, Mapping[str, float]]:
        """Task -> clause -> share of its checks that doing nothing passes, where an arm of the run did nothing."""
        idle = {arm.name for arm in self.folder.manifest.arms if arm.model == NOOP}
        return clause_means(result for result in self.results if result.planned.arm in idle) if idle else {}

    def side(self, arm: Arm) -> Side:
        """One arm of the run."""
        from harness.report.compare import Side

        mine = tuple(result for result in self.results if result.planned.arm == arm.name)
        return Side(self.folder.manifest, arm, mine, self.floors)

    def arm(self, name: str | None) -> Arm:
        """The arm of that name, or the only one."""
        arms = {arm.name: arm for arm in self.folder.manifest.arms}
        if name is None and len(arms) == 1:
            return next(iter(arms.values()))
        if name is None:
            message = f"the run has {len(arms)} arms: {', '.join(arms)}"
            raise UsageError(message, where=self.folder.manifest.run, mend="name one with --arm")
        if name not in arms:
            raise UsageError(unknown("arm", name, arms), where=self.folder.manifest.run)
        return arms[name]

    def used_by(self, results: Iterable[TrialResult]) -> tuple[str, ...]:
        """Overrides that these results rest on, in words."""
        trials = {result.planned.trial for result in results}
        return tuple(str(override) for override in self.disputed if override.trial in trials)

    def find(self, prefix: str) -> TrialResult:
        """The trial whose key begins so."""
        found = [result for result in self.results if result.planned.trial.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        where = str(self.folder.root)
        if found:
            raise UsageError(f"'{prefix}' begins {len(found)} trials", where=where, mend="give more digits")
        raise UsageError(unknown("trial", prefix, [result.planned.trial for result in self.results]), where=where)


def results_folder(parsed: argparse.Namespace) -> Path:
    """Where runs are kept."""
    return Path(parsed.results) if parsed.results else RESULTS


def stored(parsed: argparse.Namespace, run: str | None) -> Stored:
    """A run by name, the newest without one."""
    return Stored(resolve_run(results_folder(parsed), run, warn))


def of_every_run(parsed: argparse.Namespace, read: Callable[[Stored], ReadT]) -> list[ReadT]:
    """What `read` finds in each run, newest last; a run that cannot be read is named, and the others are read."""
    found = []
    for path in runs(results_folder(parsed)):
        try:
            found.append(read(Stored(RunFolder.open(path))))
        except UsageError as error:
            warn(error)
    return found


def warn(damage: object) -> None:
    """Name what cannot be read, for whoever looks at the rest."""
    print(f"warning: {damage}", file=sys.stderr)


def read_lines(folder: RunFolder) -> list[JournalLine]:
    """The journal with what is damaged told, and with attempts that a killed harness left without a line."""
    found, damages = journal.read(folder.journal)
    for damage in damages:
        warn(damage)
    return found if locked(folder.root) else [*found, *recover.killed(folder, found)]


def table(parsed: argparse.Namespace) -> int:
    """`harness table`; 3 for an invalid run."""
    return print_table(stored(parsed, parsed.run), parsed.format, by_clause=parsed.clauses)


def print_table(run: Stored, form: str, *, by_clause: bool = False) -> int:
    """Print a run's table, or its matrix of clauses and arms; 3 for an invalid run."""
    from harness.report import clauses, tables

    summary = tables.summarise(run.folder.manifest, run.lines, run.floors, run.disputed)
    print(clauses.render(summary, form) if by_clause else tables.render(summary, form))
    return tables.exit_code(summary)
