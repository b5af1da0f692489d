"""What became of the repository: commits and refs, parsed from the objects' bytes.

git is never run on the host over an agent's tree, with any flags: its config can name commands to run. Packed objects
are unpacked by the git inside the sandbox, into a fresh repository that no config of the agent reaches, after all that
it ran was killed; loose objects are believed only when their content hashes to their name.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping

from harness.core.deadline import Deadline
from harness.core.ports import Sandbox, Snapshot
from harness.core.records import Commit, History

OBJECT_CAP = 1_000_000
"""Most bytes of one inflated object; no commit comes near it."""
COMMITS_CAP = 5_000
LOOSE = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{38})")
HEX = re.compile(r"[0-9a-f]{40}")
FRESH = "/run/unpacked.git"


class Objects:
    """The commits among a repository's loose objects."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self._raw: dict[str, bytes] = {}
        for snapshot in snapshots:
            for path, entry in snapshot.entries.items():
                match = LOOSE.fullmatch(path)
                if match and entry.kind == "file":
                    self._raw[match[1] + match[2]] = snapshot.blobs[entry.sha256]

    def commit(self, name: str) -> Commit | None:
        """The commit of that name, None where it cannot be read."""
        raw = self._raw.get(name)
        content = _inflate(raw) if raw is not None else None
        if content is None or hashlib.sha1(content, usedforsecurity=False).hexdigest() != name:
            return None
        header, _, body = content.partition(b"\0")
        return _commit(name, body) if header.startswith(b"commit ") else None


def refs(snapshot: Snapshot) -> dict[str, str]:
    """Refs by full name, loose ones before packed ones; symbolic refs are left out."""
    found: dict[str, str] = {}
    for line in _text(snapshot, "packed-refs").splitlines():
        name, _, ref = line.partition(" ")
        if HEX.fullmatch(name) and ref:
            found[ref] = name
    for path in snapshot.entries:
        if path.startswith("refs/"):
            value = _text(snapshot, path).strip()
            if HEX.fullmatch(value):
                found[path] = value
    return found


def head(snapshot: Snapshot) -> str | None:
    """The commit that HEAD names."""
    value = _text(snapshot, "HEAD").strip()
    if value.startswith("ref: "):
        return refs(snapshot).get(value.removeprefix("ref: ").strip())
    return value if HEX.fullmatch(value) else None


def history(
    before: Mapping[str, str],
    seed: str,
    origin_before: Mapping[str, str],
    git: Snapshot,
    more: Snapshot,
    origin: Snapshot,
) -> tuple[History, tuple[str, ...]]:
    """The history in the repository `git` (with the objects of `more`) and the remote `origin`, and integrity flags.

    What the agent made unreadable is no gap in the evidence: it is missing from the history and flagged.
    """
    objects = Objects(git, more)
    after = refs(git)
    at = head(git)
    commits, from_head, flags = _walk(objects, seed, at, set(after.values()))
    found = History(
        seed=seed,
        head=at,
        commits=tuple(commits),
        seed_reachable=from_head,
        refs_before=dict(before),
        refs_after=after,
        origin_before=dict(origin_before),
        origin_after=refs(origin),
    )
    return found, flags


def unpack(box: Sandbox, git: Snapshot, deadline: Deadline) -> Snapshot:
    """The objects of every pack of the repository `git`, as a snapshot of loose ones."""
    packs = [path for path in git.entries if path.startswith("objects/pack/") and path.endswith(".pack")]
    if not packs:
        return Snapshot({}, {})
    env = {"GIT_DIR": FRESH, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/run"}
    box.run(["/usr/bin/git", "init", "-q", "--bare", FRESH], deadline=deadline, env=env)
    for path in packs:
        content = git.blobs.get(git.entries[path].sha256, b"")
        box.run(["/usr/bin/git", "unpack-objects", "-q"], deadline=deadline, env=env, cwd="/run", stdin=content)
    return box.raw_snapshot(FRESH, deadline=deadline)


def _walk(objects: Objects, seed: str, at: str | None, tips: set[str]) -> tuple[list[Commit], bool, tuple[str, ...]]:
    """(commits other than the seed, oldest first; whether HEAD leads to the seed; flags)."""
    seen: dict[str, Commit] = {}
    flags: set[str] = set()
    from_head = False
    pending = [(tip, tip == at) for tip in sorted(tips | ({at} if at else set()), key=lambda tip: tip == at)]
    while pending and len(seen) < COMMITS_CAP:
        name, of_head = pending.pop()
        if name == seed:
            from_head = from_head or of_head
            continue
        if name in seen:
            continue
        commit = objects.commit(name)
        if commit is None:
            flags.add("unreadable-commit")
            continue
        seen[name] = commit
        pending += [(parent, of_head) for parent in commit.parents]
    if pending:
        flags.add("too-many-commits")
    return list(reversed(seen.values())), from_head, tuple(sorted(flags))


def _commit(name: str, body: bytes) -> Commit:
    text = body.decode("utf-8", "replace")
    headers, _, message = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in headers.splitlines():
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    return Commit(
        id=name,
        parents=tuple(parent for parent in fields.get("parent", []) if HEX.fullmatch(parent)),
        author=_person(fields.get("author", [""])[0]),
        committer=_person(fields.get("committer", [""])[0]),
        message=message.strip("\n"),
    )


def _person(value: str) -> str:
    """`Name <mail> 1700000000 +0000` without its date."""
    return value[: value.rfind(">") + 1] if ">" in value else value


def _inflate(raw: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(raw, OBJECT_CAP)
    except zlib.error:
        return None
    return content if inflater.eof else None


def _text(snapshot: Snapshot, path: str) -> str:
    entry = snapshot.entries.get(path)
    if entry is None or entry.kind != "file":
        return ""
    return snapshot.blobs[entry.sha256][:OBJECT_CAP].decode("utf-8", "replace")
