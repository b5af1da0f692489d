"""Labs for the weak graders, among them one that shares the host's network, as careless harnesses do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.core.ports import Lab, SandboxSpec
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.lab import SandboxLab
from harness.sandboxes.services import Services
from harness.sandboxes.toolchain import Store
from redteam.case import Careless


class SharedNetwork(Bubblewrap):
    """Bubblewrap without a network of its own for the agent's sandbox."""

    def _arguments(self, spec: SandboxSpec, *more: Any) -> tuple[list[str], list[int]]:
        argv, fds = super()._arguments(spec, *more)
        if spec.role == "agent":
            argv.insert(argv.index("--unshare-all") + 1, "--share-net")
        return argv, fds


def labs(lab: SandboxLab, store: Store, toolchain: str) -> Callable[[Careless], Lab]:
    """The lab for a weak grader: the real one, or the one that shares the network."""
    shared = SharedNetwork(store)
    weakened = SandboxLab(shared, Services(shared, store, toolchain))
    return lambda careless: weakened if careless.network else lab
