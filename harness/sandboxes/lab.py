"""Sandboxes and services for whoever runs a delivery; everything opened here is closed when its block ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from harness.core.deadline import Deadline
from harness.core.ports import Address, Sandbox, SandboxProvider, SandboxSpec
from harness.sandboxes.services import Service, Services

OPEN_S = 60.0


@dataclass(frozen=True)
class SandboxLab:
    """The run's own kind of sandbox, and services in one of them."""

    provider: SandboxProvider
    made: Services
    limits_applied: Mapping[str, str] = field(default_factory=dict)
    """Limit of its sandboxes -> how it is kept."""
    trial: str = ""
    base: str = ""
    """Id of the image that its sandboxes are built on; empty where they are not containers."""

    def labelled(self, trial: str) -> SandboxLab:
        """The same lab, whose sandboxes are labelled as this trial's."""
        return replace(self, trial=trial)

    @contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        """A fresh sandbox."""
        box = self.provider.open(replace(spec, trial=self.trial), Deadline(OPEN_S))
        try:
            yield box
        finally:
            box.close()

    @contextmanager
    def services(self, names: tuple[Service, ...]) -> Iterator[Mapping[str, tuple[Sandbox, Address]]]:
        """Started services by name."""
        with self.made.started(names, self.trial) as services:
            yield services
