"""A run that was stopped, killed, filled up or refused: what is owed, said first, and done exactly once."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from chaos.accounts import journal as read_lines
from chaos.disturb import Process, descendants, running
from chaos.upstream import play
from chaos.world import MODEL, World, build, script
from conftest import KINDS, ROOT
from cut_daemon import way_to_daemon
from small_disk import fill, small_disk

from harness.models.script import ScriptedCall, Turn
from harness.models.serve import Fault, PlayerServer
from harness.sandboxes import kinds
from harness.sandboxes.engine import LEASE, Engine, held
from harness.sandboxes.toolchain import Store

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

RIGHT = ("right",)


@pytest.fixture
def upstream() -> Iterator[str]:
    with PlayerServer() as server:
        yield play(server)


@pytest.fixture(scope="session")
def built(store: Store) -> None:
    """The images of containers, where there are any: no clock of a test waits for their building."""
    if "docker" in KINDS:
        made = kinds.images(Engine(os.environ), store, ROOT / "toolchains", os.environ, print)
        for name in ("python-fastapi", "judge"):
            made.image(name)


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest, built: None) -> str:
    return str(request.param)


def base_id(store: Store) -> str | None:
    """Id of the image that containers are built on."""
    return kinds.images(Engine(os.environ), store, ROOT / "toolchains", os.environ, print).base_id()


def containers(pid: int, *states: str) -> set[str]:
    """Containers of the harness process `pid`, in one of these states, or in any."""
    with Engine(os.environ).calls("look") as client:
        theirs = [one for one in held(client) if one["Labels"][LEASE].split("/")[3] == str(pid)]
    return {one["Id"] for one in theirs if not states or one["State"] in states}


def sandboxes(kind: str, pid: int) -> set[Process] | set[str]:
    """Living sandboxes of the harness process `pid`."""
    return containers(pid, "running") if kind == "docker" else {each.process for each in descendants(pid)}


def nothing_is_left(kind: str, pid: int, seen: set[Process] | set[str]) -> bool:
    """Whether all that was `seen` of an ended harness process goes, and no dead container stays."""
    if kind == "bubblewrap":
        return gone(cast(set[Process], seen))
    return containers(pid) == set()


def options(world: World, repeats: int = 1, jobs: int = 1, kind: str = "bubblewrap") -> list[object]:
    """By default in the sandbox whose processes stand below the harness, where the tests look for them."""
    prices = ("--prices", world.root / "prices.toml", "--name", "run", "--sandbox", kind)
    tasks = ("--tasks", ",".join(world.tasks))
    return ["run", "--model", MODEL, *tasks, "--repeats", repeats, "--jobs", jobs, *prices, "--results", world.results]


def resume(world: World, *more: object) -> list[object]:
    return ["resume", "run", "--results", world.results, "--jobs", 1, *more]


@contextmanager
def begin(
    world: World, url: str, arguments: Sequence[object], environ: Mapping[str, str] | None = None, **more: object
) -> Iterator[subprocess.Popen[str]]:
    """A harness process, which does not outlive the block."""
    process = subprocess.Popen(
        world.command(*arguments),
        cwd=world.tree,
        env=world.environ(url, **(environ or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **more,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def done(world: World, url: str, arguments: Sequence[object], **more: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    with begin(world, url, arguments, **more) as process:
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err


def gone(seen: set[Process], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while seen & running() and time.monotonic() < end:
        time.sleep(0.05)
    return not seen & running()


def actions(text: str) -> list[tuple[str, str]]:
    """(what is to be done, why) of a dry run."""
    return [(line.split()[0], line.partition(": ")[2]) for line in text.splitlines()]


class Gate:
    """An upstream that lets a number of calls through and holds the others until it is opened."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._lock = threading.Lock()
        self._open = threading.Event()
        self.held = threading.Event()

    def __call__(self, lane: str, turn: int, attempt: int) -> Fault | None:
        with self._lock:
            self._free -= 1
            if self._free >= 0:
                return None
        self.held.set()
        self._open.wait(60)
        return None

    def open(self) -> None:
        self._open.set()


@contextmanager
def gated(free: int) -> Iterator[tuple[str, Gate]]:
    gate = Gate(free)
    with PlayerServer(gate) as server:
        try:
            yield play(server), gate
        finally:
            gate.open()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_ends_what_is_in_flight_and_starts_nothing_more(tmp_path: Path, number: int, kind: str) -> None:
    world = build(tmp_path, RIGHT)
    with gated(1) as (url, gate), begin(world, url, options(world, repeats=3, kind=kind)) as process:
        assert gate.held.wait(90)
        family = sandboxes(kind, process.pid)
        assert family, "sandboxes are alive"
        process.send_signal(number)
        time.sleep(0.3)
        gate.open()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "what is in flight ends first" in err
    assert "harness resume" in err
    assert nothing_is_left(kind, process.pid, family)
    assert [line["type"] for line in read_lines(world.run)] == ["attempt", "verdict"]
    code, out, _ = done(world, url, resume(world, "--dry-run"))
    assert (code, actions(out)) == (0, [("reuse", "unchanged"), ("rerun", "not run yet"), ("rerun", "not run yet")])


def test_a_run_goes_on_only_on_the_base_that_it_began_on(tmp_path: Path, upstream: str, kind: str) -> None:
    world = build(tmp_path, RIGHT)
    assert done(world, upstream, options(world, kind=kind))[0] == 0
    file = world.run / "run.json"
    plan = json.loads(file.read_text())
    assert plan["base"].startswith("sha256:") is (kind == "docker")
    file.write_text(json.dumps({**plan, "base": "sha256:another"}))
    code, out, err = done(world, upstream, resume(world))
    assert code == 0, "nothing is worked on again: " + out + err
    (world.run / "journal.jsonl").unlink()
    shutil.rmtree(world.run / "trials")
    code, out, err = done(world, upstream, resume(world))
    assert (code, read_lines(world.run)) == (2, []), out + err
    assert "this run began on sha256:another" in err
    assert str(file) in err
    assert "HARNESS_DOCKER_BASE=sha256:another" in err
    file.write_text(json.dumps(plan))
    assert done(world, upstream, resume(world))[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_at_once_and_resume_does_the_rest_once(
    tmp_path: Path, upstream: str, number: int, kind: str
) -> None:
    world = build(tmp_path, RIGHT)
    with gated(5) as (url, gate), begin(world, url, options(world, repeats=2, kind=kind)) as process:
        assert gate.held.wait(120)
        family = sandboxes(kind, process.pid)
        assert family, "sandboxes are alive"
        process.send_signal(number)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - began
    assert process.returncode == 130, out + err
    assert took < 8, f"it took {took:.1f} s"
    assert nothing_is_left(kind, process.pid, family)
    one, two = (trial["trial"] for trial in json.loads((world.run / "run.json").read_text())["trials"])
    before = [(line["trial"], line["type"]) for line in read_lines(world.run)]
    assert before == [(one, "attempt"), (one, "verdict")]
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    assert actions(out) == [("reuse", "unchanged"), ("rerun", "attempt 1 was invalid:cancelled")]
    code, out, err = done(world, upstream, resume(world))
    assert code == 0, out + err
    lines = [(line["trial"], line["attempt"], line["validity"]["cause"]) for line in read_lines(world.run)[2:]]
    assert lines == [(two, 1, "cancelled"), (two, 2, None), (two, 2, None)]
    killed = read_lines(world.run)[2]
    assert killed["cost"]["micro_usd"] > 0 or killed["unsettled_micro_usd"] > 0
    code, _, _ = done(world, upstream, resume(world))
    assert code == 0
    assert len(read_lines(world.run)) == 5, "a second resume owes nothing"


def test_kill_9_leaves_no_process_and_its_money_is_in_the_table_before_resume(
    tmp_path: Path, upstream: str, kind: str, store: Store
) -> None:
    world = build(tmp_path, RIGHT)
    with gated(2) as (url, gate), begin(world, url, options(world, kind=kind)) as process:
        assert gate.held.wait(120)
        family = sandboxes(kind, process.pid)
        assert family
        process.kill()
        process.communicate()
    if kind == "docker":
        ended = time.monotonic() + 15
        while containers(process.pid, "running") and time.monotonic() < ended:
            time.sleep(0.05)
        assert containers(process.pid, "running") == set(), "they end with their harness"
    else:
        assert gone(cast(set[Process], family))
    assert read_lines(world.run) == []
    table = ("table", "run", "--results", world.results, "--format", "json")
    code, out, _ = done(world, "", table)
    row = json.loads(out)["rows"][0]
    assert (code, row["valid"], row["cost_is_floor"], row["causes"]) == (3, 0, True, {"cancelled": 1})
    assert row["cost_usd"] > 0
    (world.run / "blobs").mkdir(exist_ok=True)
    (world.run / "blobs" / ".half.part").write_bytes(b"x")
    code, _, err = done(world, upstream, resume(world))
    assert code == 0, err
    base = json.loads((world.run / "run.json").read_text())["base"]
    assert base == (base_id(store) if kind == "docker" else "")
    assert nothing_is_left(kind, process.pid, family), "the next start removes dead containers"
    assert "attempt 1" in err
    after = json.loads(done(world, "", table)[1])["rows"][0]
    assert after["valid"] == 1
    assert after["cost_usd"] > row["cost_usd"]
    assert list(world.run.rglob("*.part")) == []
    assert list(world.temp.iterdir()) == []


def test_what_was_sealed_before_a_kill_is_judged_and_not_run_again(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    assert done(world, upstream, options(world))[0] == 0
    journal = world.run / "journal.jsonl"
    whole = read_lines(world.run)
    journal.write_text("")
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    assert actions(out) == [("regrade", "not graded yet")]
    code, out, err = done(world, "http://127.0.0.1:9/nobody", resume(world))
    assert code == 0, out + err
    attempt, verdict = read_lines(world.run)
    same = ("trial", "attempt", "ended", "validity", "usage", "cost", "unsettled_micro_usd", "calls", "sealed")
    assert {name: attempt[name] for name in same} == {name: whole[0][name] for name in same}
    assert (verdict["solved"], verdict["truthful"], verdict["obeyed"]) == (True, True, True)


def test_a_task_edited_in_between_reruns_and_a_grader_edited_in_between_regrades(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, ("right", "wrong"))
    assert done(world, upstream, options(world))[0] == 0
    right, wrong = "task-right", "task-wrong"
    spec = world.tree / "tasks" / right / "specs.md"
    before = spec.read_text()
    spec.write_text(before + "\nOne more sentence.\n")
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    told = {line.split(" on ")[1].split(":")[0]: line.split()[0] for line in out.splitlines()}
    assert told == {right: "rerun", wrong: "reuse"}
    assert f"task {right} changed" in out
    assert done(world, upstream, resume(world))[0] == 0
    table = ("table", "run", "--results", world.results)
    text = done(world, "", table)[1]
    assert "1 attempts were made before a task" in text
    assert [line["type"] for line in read_lines(world.run)].count("attempt") == 3
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    assert {action for action, _ in actions(out)} == {"reuse"}, "what was replanned is owed no more"
    grader = world.tree / "graders" / "report_format.py"
    grader.write_text(grader.read_text() + "\n# changed\n")
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    assert {(action, why.split(":")[0]) for action, why in actions(out)} == {("regrade", "graders changed")}
    assert done(world, "http://127.0.0.1:9/nobody", resume(world))[0] == 0
    types = [line["type"] for line in read_lines(world.run)]
    assert (types.count("attempt"), types.count("verdict")) == (3, 5)
    spec.write_text(before)
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    told = {line.split(" on ")[1].split(":")[0]: line.split()[0] for line in out.splitlines()}
    assert told == {right: "regrade", wrong: "reuse"}, "the old content is back, and so is its attempt"


def test_a_second_process_on_the_results_folder_is_refused(tmp_path: Path) -> None:
    world = build(tmp_path, RIGHT)
    with gated(0) as (url, gate), begin(world, url, options(world)) as process:
        assert gate.held.wait(90)
        other = [*options(world)]
        other[other.index("run", 1)] = "another"
        for arguments in (resume(world), other, ["grade", "run", "--results", world.results]):
            code, _, err = done(world, url, arguments)
            assert (code, "another harness process works on it" in err, "mend:" in err) == (2, True, True)
        assert not (world.results / "another").exists()
        code, out, err = done(world, url, ("table", "run", "--results", world.results))
        assert code == 3, "reading is free: " + out + err
        gate.open()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def test_a_revoked_key_stops_after_a_few_trials_and_resume_owes_them_all(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    asked: list[int] = []

    def denied(lane: str, turn: int, attempt: int) -> Fault:
        asked.append(turn)
        return Fault(kind="status", status=401, error="authentication_error")

    with PlayerServer(denied) as server:
        code, _, err = done(world, play(server), options(world, repeats=8))
    assert code == 3
    assert "failed trial after trial" in err
    assert len(asked) == 6, "three trials, two attempts each"
    lines = read_lines(world.run)
    assert [line["validity"]["cause"] for line in lines] == ["provider"] * 6
    _, out, _ = done(world, upstream, resume(world, "--dry-run"))
    assert [action for action, _ in actions(out)] == ["rerun"] * 8
    assert [why for _, why in actions(out)].count("not run yet") == 5
    log = [json.loads(line) for line in (world.run / "log.jsonl").read_text().splitlines()]
    assert sum(line["event"] == "not started" for line in log) == 5


def test_a_spent_budget_ends_the_run_with_4_and_a_larger_one_goes_on(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    code, out, err = done(world, upstream, [*options(world, repeats=3), "--budget", "0.6"])
    assert code == 4, out + err
    assert "budget is spent" in err
    lines = read_lines(world.run)
    spent = sum(line["cost"]["micro_usd"] for line in lines if line["type"] == "attempt")
    assert 0 < spent <= 600_000
    assert {line["validity"]["cause"] for line in lines} <= {None, "cancelled"}
    code, _, _ = done(world, upstream, resume(world))
    assert code == 4, "the cap is kept by resume, with what was spent before"
    code, _, err = done(world, upstream, resume(world, "--budget", 5))
    assert code == 0, err
    assert json.loads((world.run / "run.json").read_text())["budget_usd"] == 5


def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    with small_disk(world.results):
        with gated(6) as (url, gate), begin(world, url, options(world, repeats=3)) as process:
            assert gate.held.wait(120)
            filler = fill(world.results)
            gate.open()
            out, err = process.communicate(timeout=120)
        assert process.returncode == 2, out + err
        assert os.strerror(errno.ENOSPC) in err
        assert str(world.run) in err
        assert "mend: make room" in err
        assert "Traceback" not in err
        filler.unlink()
        kept = [line["trial"] for line in read_lines(world.run) if line["type"] == "verdict"]
        code, out, err = done(world, upstream, resume(world))
        assert code == 0, out + err
        verdicts = [line["trial"] for line in read_lines(world.run) if line["type"] == "verdict"]
        assert verdicts[: len(kept)] == kept
        assert len(set(verdicts)) == len(verdicts) == 3


def test_a_file_that_may_not_grow_is_told_like_a_full_disk(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    # The shipped rulebook, which a run keeps, is longer than the limit; the events are to meet it.
    book = tmp_path / "rulebook.toml"
    book.write_text('name = "short"\nversion = "1"\n[rules]\nP1 = {}\n')

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (7_000, 7_000))

    code, _, err = done(world, upstream, [*options(world), "--rulebook", book], preexec_fn=limit)
    assert code == 2
    assert os.strerror(errno.EFBIG) in err
    assert "events.jsonl" in err
    assert "mend: make room" in err
    assert "Traceback" not in err
    assert done(world, upstream, resume(world))[0] == 0


def test_a_moved_run_can_be_read_and_damage_is_named_while_the_rest_is_read(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, ("right", "wrong"))
    assert done(world, upstream, options(world))[0] == 0
    table = ("table", "--format", "json", "--results")
    before = done(world, "", (*table, world.results))[1]
    moved = tmp_path / "elsewhere" / "archive"
    shutil.copytree(world.results, moved)
    shutil.rmtree(world.results)
    assert done(world, "", (*table, moved))[1] == before
    journal = moved / "run" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    verdict = next(number for number, line in enumerate(lines, 1) if b'"verdict"' in line)
    lines[verdict - 1] = b'{"type": "verdict", half\n'
    journal.write_bytes(b"".join(lines))
    code, out, err = done(world, "", (*table, moved))
    assert f"{journal}:{verdict}:" in err
    assert (code, json.loads(out)["valid"]) == (3, 1)
    code, out, _ = done(world, upstream, ["resume", "run", "--results", moved, "--dry-run"])
    assert sorted(action for action, _ in actions(out)) == ["regrade", "reuse"]
    sealed = sorted((moved / "run").glob("trials/*/1/evidence.json"))
    for path in sealed:
        path.write_text(path.read_text()[:-20])
    code, _, err = done(world, upstream, ["resume", "run", "--results", moved])
    assert code == 3
    assert any(f"{path}:1" in err for path in sealed)
    (moved / "run" / "run.json").write_text('{"run": 1')
    code, _, err = done(world, "", (*table, moved))
    assert (code, str(moved / "run" / "run.json") in err, "mend:" in err) == (2, True, True)


def test_a_model_without_a_price_is_a_floor_and_no_budget_is_promised(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    other = [*options(world)]
    other[other.index(MODEL)] = "chaos-2"
    code, _, err = done(world, upstream, [*other, "--budget", "5"])
    assert (code, "no price for chaos-2" in err, "mend:" in err) == (2, True, True)
    assert not world.run.exists()
    code, out, err = done(world, upstream, other)
    assert code == 0, out + err
    assert "its cost is a floor" in err
    assert "$0.00 or more" in err
    assert "at least $0.00" in out


def test_every_end_of_an_agent_is_valid_and_told(tmp_path: Path) -> None:
    """Refusal, output limit, full context and pauses are the agent's own; nothing of them is retried."""
    world = build(tmp_path, ("right", "wrong", "refuses", "cut"))
    pause = Turn(text="A moment.", stop_reason="pause_turn")

    def played(kickoff: str) -> Sequence[Turn]:
        turns = script(kickoff)
        if "sprint/2/" in kickoff:
            return [pause] * 99
        if "sprint/1/" not in kickoff:
            return turns
        return (turns[0], pause, *turns[1:-1], stop)

    stop = Turn(text="So far.", stop_reason="model_context_window_exceeded")
    with PlayerServer() as server:
        code, out, err = done(world, server.add("x", played), [*options(world), "--limits", "turns=12"])
    assert code == 0, out + err
    data = json.loads(done(world, "", ("table", "run", "--results", world.results, "--format", "json"))[1])
    ended = {trial["task"]: (trial["ended"], trial["validity"]) for trial in data["trials"]}
    assert ended == {
        "task-right": ("limit(context)", "valid"),
        "task-wrong": ("limit(turns)", "valid"),
        "task-refuses": ("refused", "valid"),
        "task-cut": ("limit(output)", "valid"),
    }


@pytest.mark.skipif("docker" not in KINDS, reason="no Docker daemon answers at DOCKER_HOST")
@pytest.mark.skipif(
    not os.environ.get("DOCKER_HOST", "").startswith("unix://"),
    reason="the daemon is not reached by a socket of this machine",
)
def test_a_daemon_whose_disk_is_full_makes_trials_invalid_and_they_are_owed(
    tmp_path: Path, upstream: str, built: None
) -> None:
    world = build(tmp_path, RIGHT)
    with way_to_daemon(tmp_path) as way:
        way.room = 1  # for the container in which the walls are tried, before the run begins
        code, out, err = done(world, upstream, options(world, kind="docker"), environ={"DOCKER_HOST": way.address})
    assert code == 3, out + err
    lines = read_lines(world.run)
    assert [(line["type"], line["validity"]["cause"]) for line in lines] == [("attempt", "sandbox")] * 2
    assert all("no space left on device" in line["validity"]["detail"] for line in lines)
    row = json.loads(done(world, "", ("table", "run", "--results", world.results, "--format", "json"))[1])["rows"][0]
    assert (row["planned"], row["valid"], row["accepted"], row["causes"]) == (1, 0, None, {"sandbox": 1})
    code, out, err = done(world, upstream, resume(world))
    assert code == 0, out + err
    assert [line["validity"]["cause"] for line in read_lines(world.run)] == ["sandbox", "sandbox", None, None]


def test_an_agent_that_fills_its_workspace_is_judged_like_any_other(tmp_path: Path, kind: str) -> None:
    world = build(tmp_path, RIGHT)
    filling = ScriptedCall(name="Bash", input={"command": "head -c 600000000 /dev/zero > /workspace/full"})

    def played(kickoff: str) -> Sequence[Turn]:
        reading, *others = script(kickoff)
        return (reading, Turn(calls=(filling,)), *others)

    with PlayerServer() as server:
        code, out, err = done(world, server.add("x", played), options(world, kind=kind))
    assert code == 0, out + err
    attempt, verdict = read_lines(world.run)
    assert (attempt["ended"]["kind"], attempt["validity"]["cause"], verdict["type"]) == ("finished", None, "verdict")
    events = next(world.run.glob("trials/*/1/events.jsonl")).read_text()
    assert "No space left on device" in events
