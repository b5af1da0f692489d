"""Commits and refs from the bytes of a repository that nobody here trusts."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from pathlib import Path

from harness.core.digest import sha256
from harness.core.ports import Snapshot
from harness.core.records import Entry, History
from harness.run.history import head, history, refs

PEOPLE = {
    "GIT_AUTHOR_NAME": "Dana Roy",
    "GIT_AUTHOR_EMAIL": "dana@example.org",
    "GIT_COMMITTER_NAME": "Sam Lee",
    "GIT_COMMITTER_EMAIL": "sam@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": "/usr/bin:/bin",
}


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, env=PEOPLE, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(root: Path) -> str:
    git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text("a")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Seed")
    return git(root, "rev-parse", "HEAD")


def snapshot(root: Path) -> Snapshot:
    entries, blobs = {}, {}
    for path in sorted((root / ".git").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            blobs[sha256(data)] = data
            entries[path.relative_to(root / ".git").as_posix()] = Entry(sha256=sha256(data), size=len(data))
    return Snapshot(entries, blobs)


def read(root: Path, seed: str, more: Snapshot | None = None) -> tuple[History, tuple[str, ...]]:
    empty = Snapshot({}, {})
    return history({"refs/heads/main": seed}, seed, {}, snapshot(root), more or empty, empty)


def test_commits_oldest_first_with_people_and_whole_messages(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "One", "-m", "Body é\n\nTrailer: x")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "Two")
    found, flags = read(tmp_path, seed)
    assert [commit.message for commit in found.commits] == ["One\n\nBody é\n\nTrailer: x", "Two"]
    assert found.commits[0].author == "Dana Roy <dana@example.org>"
    assert found.commits[0].committer == "Sam Lee <sam@example.org>"
    assert found.head == git(tmp_path, "rev-parse", "HEAD")
    assert (found.seed_reachable, flags) == (True, ())


def test_nothing_done(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    found, flags = read(tmp_path, seed)
    assert (found.commits, found.head, found.seed_reachable, flags) == ((), seed, True, ())


def test_a_rewritten_history_does_not_lead_to_the_seed(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    git(tmp_path, "commit", "-q", "--amend", "-m", "Mine now")
    found, _ = read(tmp_path, seed)
    assert not found.seed_reachable
    assert [commit.message for commit in found.commits] == ["Mine now"]


def test_commits_on_other_branches_and_tags_count(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "feature/x")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "Hidden on a branch")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "pack-refs", "--all")
    found, _ = read(tmp_path, seed)
    assert [commit.message for commit in found.commits] == ["Hidden on a branch"]
    assert found.head == seed
    assert found.seed_reachable
    assert found.refs_after.keys() == {"refs/heads/main", "refs/heads/feature/x"}


def test_a_merge_is_read_once(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    git(tmp_path, "checkout", "-q", "-b", "side")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "Side")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "Main")
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    found, _ = read(tmp_path, seed)
    assert sorted(commit.message for commit in found.commits) == ["Main", "Merge", "Side"]
    assert found.seed_reachable


def test_a_repository_that_is_gone_is_no_gap_in_the_evidence() -> None:
    empty = Snapshot({}, {})
    found, flags = history({"refs/heads/main": "5" * 40}, "5" * 40, {}, empty, empty, empty)
    assert (found.head, found.commits, found.seed_reachable, flags) == (None, (), False, ())


def test_an_object_that_is_not_what_its_name_says_is_not_believed(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    forged = zlib.compress(b"commit 5\0tree ")
    path = tmp_path / ".git" / "objects" / "ab" / ("c" * 38)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(forged)
    (tmp_path / ".git" / "refs" / "heads" / "forged").write_text("ab" + "c" * 38)
    found, flags = read(tmp_path, seed)
    assert flags == ("unreadable-commit",)
    assert found.commits == ()


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    seed = repository(tmp_path)
    content = b"commit 900000000\0" + b"\0" * 50_000_000
    name = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    path = tmp_path / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(content))
    (tmp_path / ".git" / "refs" / "heads" / "bomb").write_text(name)
    _, flags = read(tmp_path, seed)
    assert flags == ("unreadable-commit",)


def test_refs_that_are_nonsense_are_left_out(tmp_path: Path) -> None:
    repository(tmp_path)
    heads = tmp_path / ".git" / "refs" / "heads"
    (heads / "odd").write_bytes(b"\xff\xfe not a name")
    (heads / "link").write_text("ref: refs/heads/main")
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/none")
    assert refs(snapshot(tmp_path)).keys() == {"refs/heads/main"}
    assert head(snapshot(tmp_path)) is None
