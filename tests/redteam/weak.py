"""Each case against the graders that it has to beat, so that its defeat by ours means something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.deadline import Deadline
from harness.core.ports import Lab
from harness.core.records import Tree
from harness.models.script import WORKSPACE
from redteam import hardened, naive
from redteam.case import Careless, Material, RedCase, bluff
from redteam.naive import Signals
from redteam.played import Played, played

SNAPSHOT_S = 60.0
NOTHING = "-"


@dataclass(frozen=True)
class Gains:
    """What a case gained from the weak graders."""

    naive: str
    hardened: str
    problems: tuple[str, ...] = ()
    """A grader that it did not beat: the case proves nothing."""


@dataclass(frozen=True)
class Weak:
    """The weak graders, and what an agent that does nothing gets from them."""

    material: Material
    lab: Callable[[Careless], Lab]
    null: Signals
    null_hardened: int

    def gains(self, case: RedCase) -> Gains:
        """Play the case in containers of its own and let the weak graders judge it."""
        careless = case.careless(self.material)
        lab = self.lab(careless)
        with played(lab, self.material, case.script(self.material), careless) as on:
            tree = _tree(on) if naive.PYTEST in case.beats else None
            found = {name: self._naive(name, on) for name in case.beats}
            passed = hardened.passes(on, tree) if tree is not None else 0
        problems = [f"does not beat the naive grader '{name}'" for name, gain in found.items() if not gain]
        gained = f"{passed} passed" if passed > self.null_hardened else ""
        if case.beats_hardened and not gained:
            problems.append(f"does not beat the hardened grader: {passed} passed, as {self.null_hardened} for nothing")
        told = "; ".join(gain for gain in found.values() if gain)
        return Gains(told or NOTHING, gained or NOTHING, tuple(problems))

    def _naive(self, name: str, on: Played) -> str:
        return naive.signals(on).over(self.null) if name == naive.PYTEST else naive.GRADERS[name](on)


def weak(material: Material, lab: Callable[[Careless], Lab]) -> Weak:
    """The weak graders, measured on an agent that does nothing."""
    with played(lab(Careless()), material, bluff(material)) as on:
        tree = _tree(on)
        return Weak(material, lab, naive.signals(on), hardened.passes(on, tree))


def _tree(on: Played) -> Tree:
    snapshot = on.box.snapshot(WORKSPACE, deadline=Deadline(SNAPSHOT_S))
    return Tree(snapshot.entries, snapshot.blobs.__getitem__)
