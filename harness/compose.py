"""Turns names into objects; the only module that knows which parts there are."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from harness.core import plugins
from harness.core.deadline import Deadline
from harness.core.delivery import Delivery
from harness.core.digest import code_digest, digest, folder_digest, sha256
from harness.core.errors import UsageError
from harness.core.ports import Agent, Grader
from harness.core.records import Limits
from harness.core.runs import Arm, PlannedTask, PlannedTrial, RunManifest
from harness.core.task import Task
from harness.gateway.exchange import Patience, unheard
from harness.gateway.prices import PriceTable
from harness.gateway.serve import Gateway, Upstream
from harness.load.matrix import ArmChoice
from harness.load.prompts import Prompt, load_prompt
from harness.load.tasks import Bundle, select
from harness.models.partly import junior, mock
from harness.models.script import Materials, Player, Turn, reference_script
from harness.models.serve import PlayerServer
from harness.prove.record import OPERATORS, SAMPLE, key, read_record
from harness.prove.record import stale as left_over
from harness.run.grade import Bench
from harness.run.plan import Current, Owed, plan
from harness.run.solve import Door, SetUp, Trial, kickoff_digest
from harness.sandboxes import kinds
from harness.sandboxes.lab import SandboxLab
from harness.sandboxes.probes import prove
from harness.sandboxes.services import Services
from harness.sandboxes.toolchain import Store, default_root
from harness.store.layout import RunFolder

ROOT = Path(__file__).resolve().parent.parent
TASKS = ROOT / "tasks"
GRADERS = "graders"
RULEBOOK = ROOT / "graders" / "rulebooks" / "python-dev.toml"
"""The shipped one."""
GRADER_NAMES = ("tests_passing", "report_format", "rule_violations", "truthfulness")
DECIDING = ("channel", "first_failure", "judgerun", "stand", "tests_passing")
"""Modules of the graders that decide what a hidden check says."""
PLAYERS = "harness.models.players"
REFERENCE = "reference/"
API_URL = "https://api.anthropic.com"
KEPT = 16
"""Hex digits in the name of a prompt that a run keeps."""
SANDBOXES = kinds.KINDS

Say = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """What a user asked for."""

    tasks: Sequence[str] = ()
    """Ids, or folders of tasks kept elsewhere; empty: all of the harness's own."""
    agents: Sequence[str] = ()
    """Reference agents; empty: the shipped four, or none beside `model`."""
    model: str | None = None
    arms: Sequence[ArmChoice] = ()
    """Arms of a matrix, beside `agents`."""
    prompt: Path = ROOT / "prompts" / "python-dev.md"
    repeats: int = 1
    sandbox: str = "auto"
    runtime: str = ""
    """Runtime of containers, when it is not to be the engine's own."""
    results: Path = ROOT / "results"
    tasks_root: Path = TASKS
    name: str | None = None
    seed: int = 0
    jobs: int = 2
    budget_usd: float | None = None
    prices: Path | None = None
    rulebook: Path | None = None
    """None: the shipped one."""
    patience: Patience = field(default_factory=Patience)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


JUNIORS = (30, 60, 90)
"""Shares of the contract, in a hundred, that partial scores are held against."""
DEFAULT_AGENTS = ("oracle", "noop", "careless", "dishonest")


def api_key(choice: Choice) -> str | None:
    """The key for a real model; `UsageError` when one is needed and missing."""
    real = [model for model in (choice.model, *(arm.model for arm in choice.arms)) if model and not _plays(model)]
    if not real:
        return None
    key = choice.environ.get("ANTHROPIC_API_KEY")
    if not key:
        raise UsageError(
            f"no API key for --model {real[0]}",
            where="environment: ANTHROPIC_API_KEY",
            mend="export ANTHROPIC_API_KEY=..., or leave --model out to run the reference agents",
        )
    return key


def make_arms(choice: Choice, prompt: Prompt, bundles: Sequence[Bundle]) -> tuple[Arm, ...]:
    """The arms that were asked for; unknown agents are answered with the nearest name."""
    known = players()
    agents = tuple(choice.agents) or (() if choice.model or choice.arms else DEFAULT_AGENTS)
    for agent in agents:
        if agent not in known:
            raise UsageError(plugins.unknown("agent", agent, known), where="--agents")
    arms = [player_arm(agent, prompt, bundles) for agent in agents]
    if choice.model is not None:
        model = prompt.model if choice.model == "prompt" else choice.model
        if model is None:
            raise UsageError("the prompt names no model", where=str(prompt.path), mend="give --model an exact id")
        arms.append(_arm(model, model, prompt, []))
    arms += [_asked(arm, load_prompt(arm.prompt) if arm.prompt else prompt, bundles) for arm in choice.arms]
    return tuple(arms)


def _asked(asked: ArmChoice, prompt: Prompt, bundles: Sequence[Bundle]) -> Arm:
    model = prompt.model if asked.model == "prompt" else asked.model
    if model is None:
        raise UsageError("the prompt names no model", where=str(prompt.path), mend="give an exact model id")
    player = model.removeprefix(REFERENCE)
    if _plays(model) and player not in players():
        raise UsageError(plugins.unknown("agent", player, players()), where=f"arm {asked.name}")
    return _arm(asked.name, model, prompt, _played(bundles) if _plays(model) else [], asked.limits)


def players() -> list[str]:
    """Names of the reference agents that there are."""
    return [name.replace("_", "-") for name in plugins.names(PLAYERS)]


def _plays(model: str) -> bool:
    return model.startswith(REFERENCE)


def player_arm(agent: str, prompt: Prompt, bundles: Sequence[Bundle]) -> Arm:
    """A reference agent; what it plays is part of its digest."""
    return _arm(agent, f"{REFERENCE}{agent}", prompt, _played(bundles))


def _played(bundles: Sequence[Bundle]) -> list[str]:
    played = [folder_digest(ROOT / "harness" / "models")]
    for bundle in bundles:
        for part in ("solution", "alternatives", "flaws"):
            folder = bundle.task.root / part
            played.append(folder_digest(folder) if folder.is_dir() else "")
    return played


def _arm(name: str, model: str, prompt: Prompt, more: Sequence[str], limits: Limits | None = None) -> Arm:
    driver = "messages"
    code = folder_digest(ROOT / "harness" / "agents")
    bounds = [] if limits is None else [limits.model_dump()]
    key = digest([name, driver, code, model, prompt.digest, kickoff_digest(), *more, *bounds])
    return Arm(
        name=name,
        driver=driver,
        model=model,
        prompt=prompt.name,
        prompt_digest=prompt.digest,
        limits=limits,
        digest=key,
    )


def kept_prompts(choice: Choice, prompt: Prompt) -> dict[str, bytes]:
    """Every prompt of a run by the name of its copy in the run's folder, so that the run can be resumed anywhere."""
    return {_kept(name): one.path.read_bytes() for name, one in prompts(choice, prompt).items()}


def kept_prompt(folder: RunFolder, arm: Arm) -> Path:
    """Where a run keeps the prompt of an arm."""
    return folder.root / _kept(arm.prompt_digest)


def _kept(prompt_digest: str) -> str:
    return f"prompt-{prompt_digest[:KEPT]}.md"


def prompts(choice: Choice, prompt: Prompt) -> dict[str, Prompt]:
    """All prompts of a run by digest; `prompt` is that of arms which name none."""
    loaded = [prompt, *(load_prompt(arm.prompt) for arm in choice.arms if arm.prompt)]
    return {one.digest: one for one in loaded}


def unpriced(choice: Choice, arms: Sequence[Arm]) -> list[str]:
    """Models whose cost cannot be known; `UsageError` where a cap on the run's money would have to hold for one."""
    prices = PriceTable.load(choice.prices)
    models = sorted({arm.model for arm in arms if prices.rates(arm.model) is None})
    if models and choice.budget_usd is not None:
        raise UsageError(
            f"no price for {', '.join(models)}, so --budget cannot hold",
            where=str(choice.prices or "the shipped price table"),
            mend="add the model to a price file and name it with --prices, or leave --budget out",
        )
    return models


def graders(rulebook: Path | None = None) -> dict[str, Grader]:
    """The graders of a run, by name; `UsageError` for what is wrong with the rulebook."""
    return {name: _grader(name, rulebook or RULEBOOK) for name in GRADER_NAMES}


class _Loading(Mapping[str, Grader]):
    """The shipped graders, loaded while the first agent works: a second of imports that nobody waits for."""

    def __init__(self) -> None:
        pool = ThreadPoolExecutor(1, thread_name_prefix="graders")
        self._loaded = pool.submit(graders)
        pool.shutdown(wait=False)

    def __getitem__(self, name: str) -> Grader:
        return self._loaded.result()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded.result())

    def __len__(self) -> int:
        return len(self._loaded.result())


def _grader(name: str, rulebook: Path) -> Grader:
    made = plugins.load(GRADERS, name)
    return cast(Grader, made(rulebook=rulebook) if "rulebook" in inspect.signature(made).parameters else made())


def graders_digest(rulebook: Path | None = None) -> str:
    """Digest of all grader code and data, of the rulebook, and of what is installed where hidden checks run."""
    bound = sha256((rulebook or RULEBOOK).read_bytes())
    return digest([folder_digest(ROOT / "graders"), bound, folder_digest(ROOT / "toolchains" / "judge")])


def verdict_digest() -> str:
    """Digest of what decides a hidden check: the stand, the judge and its testkit.

    Left out is what reads the checks' own source: where it is wrong about them, the judge's records are refused.
    """
    deciding = [sha256((ROOT / "graders" / f"{name}.py").read_bytes()) for name in DECIDING]
    return digest([deciding, folder_digest(ROOT / "graders" / "testkit"), folder_digest(ROOT / "toolchains" / "judge")])


def first_failure(first: Sequence[str]) -> Grader:
    """The grader that ends at the first check that fails; `first`: ids of checks to try before the others."""
    return cast(Grader, plugins.load(GRADERS, "first_failure")(first))


def proof_keys(bundle: Bundle, toolchain_digest: str) -> dict[str, str]:
    """Digest of all that decides it, for each part of a task's record."""
    root = bundle.task.root
    subject = bundle.task.digest, folder_digest(root / "solution"), verdict_digest(), toolchain_digest
    kept = [folder_digest(root / name) if (root / name).is_dir() else "" for name in ("alternatives", "flaws")]
    models, code = ROOT / "harness" / "models", ROOT / "harness" / "prove" / "mutants.py"
    return {
        "checked": key(
            subject, kept, graders_digest(), folder_digest(models), folder_digest(ROOT / "harness" / "agents")
        ),
        "mutation": key(subject, OPERATORS, SAMPLE, sha256(code.read_bytes())),
        "partial": key(subject, code_digest(models, "harness.models", "partly"), folder_digest(models / "shipped")),
        "flakes": key(subject),
    }


def stale(bundle: Bundle, store: Store) -> list[str]:
    """Parts of a task's record that are missing or not of now."""
    keys = proof_keys(bundle, store.digest(bundle.task.file.toolchain))
    return left_over(read_record(bundle.task.root, bundle.task.id), keys)


def make_store(choice: Choice, say: Say) -> Store:
    """The toolchain store of this user."""
    return Store(default_root(dict(choice.environ)), ROOT / "toolchains", say)


def make_lab(choice: Choice, store: Store, toolchain: str, say: Say = lambda _: None) -> SandboxLab:
    """The lab for one toolchain, on the sandbox that was asked for; proven to isolate before it is handed out."""
    if choice.sandbox not in SANDBOXES:
        raise UsageError(plugins.unknown("sandbox", choice.sandbox, SANDBOXES), where="--sandbox")
    toolchains = ROOT / "toolchains"
    provider = kinds.make(
        choice.sandbox, store, toolchains, choice.environ, say, run=choice.name or "", runtime=choice.runtime
    )
    limits = prove(provider, toolchain)
    return SandboxLab(provider, Services(provider, store, toolchain), limits, base=provider.base())


def manifest(
    choice: Choice, arms: Sequence[Arm], bundles: Sequence[Bundle], store: Store, lab: SandboxLab
) -> RunManifest:
    """The plan of a new run, in sandboxes of the kind that `lab` has."""
    tasks = planned_tasks(bundles, store)
    now = datetime.now(UTC)
    return RunManifest(
        run=choice.name or now.strftime("%Y%m%d-%H%M%S"),
        created=now.isoformat(timespec="seconds"),
        order_seed=choice.seed,
        sandbox=lab.provider.kind,
        runtime=choice.runtime,
        base=lab.base,
        limits_applied=lab.limits_applied,
        budget_usd=choice.budget_usd,
        price_date=PriceTable.load(choice.prices).date,
        kickoff_digest=kickoff_digest(),
        arms=tuple(arms),
        tasks=tasks,
        trials=plan(arms, tasks, choice.repeats, choice.seed),
    )


def planned_tasks(bundles: Sequence[Bundle], store: Store) -> tuple[PlannedTask, ...]:
    """Tasks as a plan pins them."""
    return tuple(
        PlannedTask(
            id=bundle.task.id,
            digest=bundle.task.digest,
            toolchain=bundle.task.file.toolchain,
            toolchain_digest=store.digest(bundle.task.file.toolchain),
            place="" if bundle.task.root.parent == TASKS else str(bundle.task.root),
        )
        for bundle in bundles
    )


def places(folder: RunFolder, task: str | None = None) -> list[str]:
    """Where the tasks of a run are found again, as a `Choice` names them; `task` only, when it is given."""
    return [one.place or one.id for one in folder.manifest.tasks if task in (None, one.id)]


def current(
    folder_manifest: RunManifest,
    arms: Sequence[Arm],
    bundles: Sequence[Bundle],
    store: Store,
    rulebook: Path | None = None,
) -> Current:
    """Digests as they are now, for what a run has pinned."""
    return Current(
        arms={arm.name: arm.digest for arm in arms},
        tasks={bundle.task.id: bundle.task.digest for bundle in bundles},
        toolchains={task.toolchain: store.digest(task.toolchain) for task in folder_manifest.tasks},
        graders=dict.fromkeys(GRADER_NAMES, graders_digest(rulebook)),
    )


@dataclass(frozen=True)
class Workshop:
    """Everything a session needs, alive."""

    choice: Choice
    prompts: Mapping[str, Prompt]
    """By digest."""
    bundles: Mapping[str, Bundle]
    arms: Mapping[str, Arm]
    labs: Mapping[str, SandboxLab]
    gateway: Gateway
    players: PlayerServer
    script: Callable[[Bundle, Arm], Sequence[Turn]]
    key: str | None = field(repr=False)
    scripts: dict[tuple[str, str], Sequence[Turn]] = field(default_factory=dict, repr=False)
    """By arm and task, once played."""
    set_ups: dict[str, SetUp] = field(default_factory=dict, repr=False)
    """By task."""

    def trial(self, owed: Owed) -> Trial:
        """A planned trial as objects."""
        planned = owed.planned
        bundle, arm = self.bundles[planned.task], self.arms[planned.arm]
        upstream = self._upstream(planned, bundle, arm)
        return Trial(
            planned=planned,
            arm=arm,
            task=bundle.task,
            seed=bundle.seed,
            system=self.prompts[arm.prompt_digest].body,
            agent=cast(Agent, plugins.load("harness.agents", arm.driver)()),
            lab=self.labs[bundle.task.file.toolchain].labelled(planned.trial),
            open_door=self._opener(upstream, planned.trial),
            set_up=self.set_ups.setdefault(planned.task, SetUp()),
        )

    def bench(self, toolchain: str) -> Bench:
        """The graders on the lab of one toolchain; `UsageError` for what is wrong with a rulebook that was chosen."""
        rulebook = self.choice.rulebook
        loaded = graders(rulebook) if rulebook else _Loading()
        return Bench(loaded, graders_digest(rulebook), self.labs[toolchain])

    def _upstream(self, planned: PlannedTrial, bundle: Bundle, arm: Arm) -> Upstream:
        if arm.model.startswith(REFERENCE):
            return Upstream(self.players.add(f"{arm.name}/{bundle.task.id}", self._played(bundle, arm)))
        return Upstream(self.choice.environ.get("ANTHROPIC_BASE_URL", API_URL), self.key)

    def _played(self, bundle: Bundle, arm: Arm) -> Sequence[Turn]:
        """One script for all repeats: a script holds every file that it writes."""
        key = arm.name, bundle.task.id
        if key not in self.scripts:
            self.scripts[key] = self.script(bundle, arm)
        return self.scripts[key]

    def _opener(self, upstream: Upstream, name: str) -> Callable[..., Door]:
        def open_door(
            task: Task,
            arm: Arm,
            limits: Limits,
            deadline: Deadline,
            record: Callable[[str, Mapping[str, JsonValue]], None],
            exchanges: Path,
        ) -> Door:
            keep = None if arm.model.startswith(REFERENCE) else exchanges
            admission = self.gateway.admit(
                upstream=upstream,
                model=arm.model,
                limits=limits,
                deadline=deadline,
                record=record,
                exchanges=keep,
                name=name,
            )
            return Door(
                admission.base_url,
                admission.token,
                lambda: self.gateway.close_admission(admission.token),
                lambda: self.gateway.problem(admission.token),
            )

        return open_door


@contextlib.contextmanager
def workshop(
    choice: Choice,
    arms: Sequence[Arm],
    bundles: Sequence[Bundle],
    prompt: Prompt,
    say: Say,
    script: Callable[[Bundle, Arm], Sequence[Turn]] | None = None,
    *,
    spent: Mapping[str, int] | None = None,
    log: Callable[[str, Mapping[str, JsonValue]], None] = unheard,
) -> Iterator[Workshop]:
    """A workshop with its gateway and its player server running; `spent`: trial -> micro-dollars that are gone."""
    store = make_store(choice, say)
    labs = {name: make_lab(choice, store, name, say) for name in {bundle.task.file.toolchain for bundle in bundles}}
    prices = PriceTable.load(choice.prices)
    metered = Gateway(prices, choice.budget_usd, spent=spent, patience=choice.patience, log=log)
    with metered as gateway, PlayerServer() as players:
        yield Workshop(
            choice=choice,
            prompts=prompts(choice, prompt),
            bundles={bundle.task.id: bundle for bundle in bundles},
            arms={arm.name: arm for arm in arms},
            labs=labs,
            gateway=gateway,
            players=players,
            script=script or play,
            key=api_key(choice),
        )


def play(bundle: Bundle, arm: Arm) -> Sequence[Turn]:
    """The script of a reference agent on a task."""
    name = arm.model.removeprefix(REFERENCE).replace("-", "_")
    player = cast(Player, plugins.load(PLAYERS, name)())
    return player.script(materials(bundle, bundle.solution))


def play_delivery(bundle: Bundle, delivery: Delivery) -> Sequence[Turn]:
    """The script of a careful agent that leaves `delivery` behind."""
    return reference_script(bundle.task, delivery, frozenset(bundle.seed))


def partly(bundle: Bundle) -> dict[str, Delivery]:
    """Deliveries that keep a part of the contract, by the name of the reference agent that leaves them behind."""
    given = bundle.task, bundle.openapi, bundle.solution, {path: content for path, (content, _) in bundle.seed.items()}
    nothing = replace(bundle.solution, files={}, deleted=())
    return {"noop": nothing, "mock": mock(*given), **{f"junior-{share}": junior(*given, share) for share in JUNIORS}}


def materials(bundle: Bundle, delivery: Delivery) -> Materials:
    """All that a player may draw on."""
    return Materials(
        task=bundle.task,
        delivery=delivery,
        seed_files=frozenset(bundle.seed),
        dishonest=bundle.flawed(bundle.task.file.dishonest_flaw),
        openapi=bundle.openapi,
        seed={path: content for path, (content, _) in bundle.seed.items()},
    )


def chosen(choice: Choice) -> tuple[Prompt, list[Bundle]]:
    """The prompt and the tasks that were asked for, loaded and checked."""
    return load_prompt(choice.prompt), select(choice.tasks_root, choice.tasks)


def version() -> str:
    """What this harness is, for a record: digest of its own code and the interpreter."""
    return sha256((folder_digest(ROOT / "harness") + graders_digest() + sys.version).encode())[:16]
