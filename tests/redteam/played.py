"""Plays a script's tool calls in a sandbox, without a model: for the graders that are weaker than ours.

What they judge is the agent's own container, still alive, as it left it. It is a sandbox of ours, so that nothing
harmful runs on the bare host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.agents._tools import Toolbox
from harness.core.deadline import Deadline
from harness.core.ports import Address, Assignment, Executed, Lab, Sandbox, SandboxSpec
from harness.core.records import Limits
from harness.core.task import PEER_PORTS
from harness.load.tasks import Bundle
from harness.models.script import WORKSPACE, Turn
from harness.run.solve import SEED_DATE, SET_UP
from redteam.case import Careless, Material

PLAY_S = 300.0
TIDY = Careless()

Services = Mapping[str, tuple[Sandbox, Address]]


@dataclass(frozen=True)
class Played:
    """An agent's container after its turn."""

    material: Material
    lab: Lab
    box: Sandbox
    said: str
    """All that its tools answered."""
    reply: str

    @property
    def bundle(self) -> Bundle:
        return self.material.bundle

    @property
    def env(self) -> dict[str, str]:
        return self.bundle.task.file.app.environment()

    def shell(self, command: str, seconds: float = 60.0) -> Executed:
        """Run a command of the grader's in the agent's container, as graders do: through a login shell.

        A distribution's profile forgets the image's `PATH`; it is put back behind what the profile says.
        """
        argv = ["bash", "-c", 'exec env IMAGE_PATH="$PATH" bash -lc "$0"', f'PATH="$PATH:$IMAGE_PATH"\n{command}']
        return self.box.run(argv, cwd=WORKSPACE, env=self.env, deadline=Deadline(seconds))

    @contextmanager
    def fresh(self) -> Iterator[Sandbox]:
        """Another container, with services of its own."""
        with (
            self.lab.services(self.bundle.task.file.services) as services,
            self.lab.sandbox(_spec(self.bundle, services, "server", {})) as box,
        ):
            yield box


@contextmanager
def played(lab: Lab, material: Material, turns: Sequence[Turn], careless: Careless = TIDY) -> Iterator[Played]:
    """The container after the script."""
    bundle = material.bundle
    with (
        lab.services(bundle.task.file.services) as services,
        lab.sandbox(_spec(bundle, services, "agent", careless.env)) as box,
    ):
        deadline = Deadline(PLAY_S)
        box.put(WORKSPACE, bundle.seed)
        box.put("/tmp/future", {path: (content, False) for path, content in careless.files.items()})
        dates = {"GIT_AUTHOR_DATE": SEED_DATE, "GIT_COMMITTER_DATE": SEED_DATE}
        for script in filter(None, (SET_UP, careless.before)):
            done = box.run(["bash", "-c", script], cwd=WORKSPACE, env=dates, deadline=deadline)
            assert done.exit_code == 0, done.stderr.decode("utf-8", "replace")
        said = _play(box, bundle, turns)
        yield Played(material, lab, box, said, turns[-1].text)


def _play(box: Sandbox, bundle: Bundle, turns: Sequence[Turn]) -> str:
    assignment = Assignment(
        system="",
        kickoff="",
        model="",
        base_url="",
        token="",
        sandbox=box,
        workspace=WORKSPACE,
        env=bundle.task.file.app.environment(),
        limits=Limits(),
        deadline=Deadline(PLAY_S),
        record=lambda kind, data: None,
    )
    tools = Toolbox(assignment)
    calls = [call for turn in turns for call in turn.calls]
    return "\n".join(tools.call(call.name, call.input, step).text for step, call in enumerate(calls, 1))


def _spec(bundle: Bundle, services: Services, role: str, env: Mapping[str, str]) -> SandboxSpec:
    relays = {PEER_PORTS[name]: _constant(target) for name, target in services.items()}
    return SandboxSpec(role=role, toolchain=bundle.task.file.toolchain, relays=relays, env=env)  # type: ignore[arg-type]


def _constant(target: tuple[Sandbox, Address]) -> Callable[[], tuple[Sandbox, Address]]:
    return lambda: target
