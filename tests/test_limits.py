"""Control groups of both versions, on folders that look like the kernel's; real ones are in the contract's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.sandboxes.leases import started
from harness.sandboxes.limits import PARENT, Group, Groups, left


def first_version(root: Path) -> Path:
    for controller in ("memory", "pids", "cpu"):
        (root / controller).mkdir()
        (root / controller / "cgroup.procs").touch()
    return root


def second_version(root: Path, controllers: str = "cpuset cpu memory pids") -> Path:
    """The folder of this process, as the kernel names it, below `root`."""
    (root / "cgroup.controllers").write_text(controllers)
    line = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "0::/")
    here = root / line[3:].strip("/")
    here.mkdir(parents=True, exist_ok=True)
    (here / "cgroup.controllers").write_text(controllers)
    return here


def test_the_first_version_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    group = Groups(first_version(tmp_path)).make(1000, 7)
    assert group is not None
    assert {name: folder.parent.parent.name for name, folder in group.folders.items()} == {
        "memory": "memory",
        "pids": "pids",
        "cpu": "cpu",
    }
    assert (group.folders["memory"] / "memory.limit_in_bytes").read_text() == "1000"
    assert (group.folders["pids"] / "pids.max").read_text() == "7"
    assert (group.folders["cpu"] / "cpu.cfs_quota_us").read_text() == str(min(2, os.cpu_count() or 1) * 100_000)
    assert group.applied == {"memory": "cgroup v1", "processes": "cgroup v1", "cpu": "cgroup v1"}
    group.enter(4711)
    assert [(folder / "cgroup.procs").read_text() for folder in group.folders.values()] == ["4711"] * 3


def test_the_second_version_has_one_folder_and_hands_its_controllers_on(tmp_path: Path) -> None:
    here = second_version(tmp_path)
    group = Groups(tmp_path, cpus=0.5).make(1000, 7)
    assert group is not None
    (folder,) = set(group.folders.values())
    assert folder.parent == here / PARENT
    for above in (here, here / PARENT):
        assert (above / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "pids.max").read_text() == "7"
    assert not (folder / "memory.swap.max").exists()
    assert (folder / "cpu.max").read_text() == "50000 100000"
    assert group.applied == {"memory": "cgroup v2", "processes": "cgroup v2", "cpu": "cgroup v2"}


def test_without_a_controller_for_it_no_cap_on_processors_is_claimed(tmp_path: Path) -> None:
    here = second_version(tmp_path, "memory pids")
    group = Groups(tmp_path).make(1000, 7)
    assert group is not None
    assert (here / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert group.applied == {"memory": "cgroup v2", "processes": "cgroup v2"}


@pytest.mark.parametrize("quota", [None, "-1"])
def test_a_cap_that_the_kernel_did_not_take_is_a_fair_share(tmp_path: Path, quota: str | None) -> None:
    if quota is not None:
        (tmp_path / "cpu.cfs_quota_us").write_text(quota)
    assert Group({"cpu": tmp_path}, 1).applied == {"cpu": "cgroup v1, fair share"}


def test_all_sandboxes_together_weigh_more_than_one_process(tmp_path: Path) -> None:
    Groups(first_version(tmp_path))
    shares = int((tmp_path / "cpu" / PARENT / "cpu.shares").read_text())
    assert shares == 2 * 1024 * (os.cpu_count() or 1)


def test_two_groups_are_two_folders(tmp_path: Path) -> None:
    groups = Groups(first_version(tmp_path))
    made = [groups.make(1000, 7) for _ in range(2)]
    assert len({group.folders["memory"] for group in made if group is not None}) == 2


@pytest.mark.parametrize("layout", ["nothing", "no memory controller"])
def test_where_no_group_can_be_had_there_is_none(tmp_path: Path, layout: str) -> None:
    if layout == "no memory controller":
        (tmp_path / "pids").mkdir()
        (tmp_path / "pids" / "cgroup.procs").touch()
    assert Groups(tmp_path).make(1000, 7) is None


def test_a_group_whose_limit_is_refused_is_removed(tmp_path: Path) -> None:
    groups = Groups(first_version(tmp_path))
    parent = tmp_path / "pids" / PARENT
    parent.rmdir()
    parent.write_text("not a folder")
    assert groups.make(1000, 7) is None
    assert not [path for path in (tmp_path / "cpu" / PARENT).iterdir() if path.is_dir()]


def test_groups_of_dead_harnesses_are_swept_and_those_of_living_ones_kept(tmp_path: Path) -> None:
    parent = first_version(tmp_path) / "memory" / PARENT
    alive = f"{os.getpid()}-{started(os.getpid())}-99"
    for name in ("4194305-1-1", f"{os.getpid()}-1-99", alive, "somebody-else"):
        (parent / name).mkdir(parents=True)
    assert sorted(path.name for path in left(tmp_path)) == sorted(["4194305-1-1", f"{os.getpid()}-1-99"])
    Groups(tmp_path)
    assert left(tmp_path) == []
    assert sorted(path.name for path in parent.iterdir()) == sorted([alive, "somebody-else"])


@pytest.mark.parametrize(
    ("killed", "most", "over"), [(0, 1000, False), (1, 1000, True), (3, 950, True), (1, 100, False), (0, 0, False)]
)
def test_a_kill_counts_only_at_the_group_s_own_limit_in_the_first_version(
    tmp_path: Path, killed: int, most: int, over: bool
) -> None:
    (tmp_path / "memory.oom_control").write_text(f"oom_kill_disable 0\nunder_oom 0\noom_kill {killed}\n")
    (tmp_path / "memory.max_usage_in_bytes").write_text(f"{most}\n")
    (tmp_path / "memory.limit_in_bytes").write_text("1000\n")
    assert Group({"memory": tmp_path}, 1).over_memory() is over


@pytest.mark.parametrize(("oom", "killed", "over"), [(0, 0, False), (2, 1, True), (2, 0, False), (0, 1, False)])
def test_a_kill_counts_only_at_the_group_s_own_limit_in_the_second_version(
    tmp_path: Path, oom: int, killed: int, over: bool
) -> None:
    (tmp_path / "memory.events").write_text(f"low 0\nhigh 0\nmax 9\noom {oom}\noom_kill {killed}\n")
    assert Group({"memory": tmp_path}, 2).over_memory() is over


def test_a_group_that_is_gone_went_over_nothing(tmp_path: Path) -> None:
    assert not Group({"memory": tmp_path / "gone"}, 1).over_memory()
    Group({"memory": tmp_path / "gone"}, 1).remove()
