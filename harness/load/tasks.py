"""Reads a task's folder into a `Bundle`, or says everything that is wrong with it at once.

An author mends a task in one go, so mistakes are collected, not raised one by one. The digest covers what an agent sees
and what a verdict uses; the deliveries that prove a task can change without voiding a single result.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from harness.core.delivery import Delivery, FlawFile, apply
from harness.core.digest import IGNORED_DIRECTORIES, digest, folder_digest, folder_files, sha256
from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.records import Record
from harness.core.task import CLAUSE, Clause, Operation, Task, TaskFile, clauses

DOCUMENTS = ("contract.md", "specs.md")
OPENAPI = "contract.openapi.yaml"
SEEN_FILES = ("task.toml", "contract.md", OPENAPI, "specs.md")
SEEN_FOLDERS = ("meta", "repo", "checks")
UNFILLED = b"FILL IN:"
"""Begins a mark of the scaffold."""
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LOOSE_CLAUSE = re.compile(r"\[(?P<id>[CS]-\d+)\]")
EARLIER_REPORT = re.compile(r"backend-report-.+\.md")

Files = Mapping[str, tuple[bytes, bool]]
RecordT = TypeVar("RecordT", bound=Record)


class _DeliveryFile(Record):
    """`delivery.toml` of the reference and of each alternative."""

    commit: str
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A loaded task with everything that proves it."""

    task: Task
    seed: Files
    """The workspace that an agent finds: path -> (content, executable); documents stand under `.claude/`."""
    solution: Delivery
    alternatives: Mapping[str, Delivery]
    flaws: Mapping[str, FlawFile]
    checks: Files
    """The hidden checks folder, relative to itself."""
    openapi: str
    """`contract.openapi.yaml`, which no agent gets."""
    tests: frozenset[str]
    """Ids of the hidden checks."""

    def flawed(self, name: str) -> Delivery:
        """The reference delivery with the flaw `name` in it; `UsageError` for a name the task does not have."""
        if name not in self.flaws:
            raise UsageError(unknown(f"flaw of {self.task.id}", name, self.flaws), where=str(self.task.root / "flaws"))
        return apply(self.flaws[name], self.solution, f"flaws/{name}.toml")


class _Mistakes:
    """What is wrong with a task so far: lines of `place: message`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: list[str] = []

    def add(self, place: str, message: str) -> None:
        self.lines.append(f"{place}: {message}")

    def stop(self) -> None:
        """Raise them all, if there are any."""
        if not self.lines:
            return
        count = "1 mistake" if len(self.lines) == 1 else f"{len(self.lines)} mistakes"
        raise UsageError(
            "\n  ".join((f"{count} in this task", *self.lines)),
            where=str(self.root),
            mend="change the named places, then load the task again",
        )


def find_tasks(root: Path) -> dict[str, Path]:
    """Folders below `root` that hold a `task.toml`, by name."""
    return {path.parent.name: path.parent for path in sorted(root.glob("*/task.toml"))}


def select(root: Path, asked: Sequence[str]) -> list[Bundle]:
    """The tasks asked for in the order given, each once; all of `root` when nothing is asked for.

    Each is the id of a task in `root`, or a folder kept elsewhere: a task's own, or one that holds tasks' folders.
    """
    found = find_tasks(root)
    if not found and not asked:
        raise UsageError("no task here", where=str(root), mend="name the folder that holds the tasks' folders")
    places = [place for name in asked for place in _places(root, found, name)] or list(found.values())
    bundles = [load_task(place) for place in dict.fromkeys(places)]
    first: dict[str, Path] = {}
    for bundle in bundles:
        other = first.setdefault(bundle.task.id, bundle.task.root)
        if other != bundle.task.root:
            mend = f"leave one of them out, the other stands in {other}"
            raise UsageError(f"a second task '{bundle.task.id}'", where=str(bundle.task.root), mend=mend)
    return bundles


def _places(root: Path, found: Mapping[str, Path], name: str) -> list[Path]:
    """Folders of the tasks that `name` stands for; a task of `root` goes before a folder of the same name."""
    if name in found:
        return [found[name]]
    folder = Path(name)
    if not folder.is_dir():
        mend = "name a task, or a folder that holds one or several"
        raise UsageError(unknown("task", name, found), where=str(root), mend=mend)
    if (folder / "task.toml").is_file():
        return [folder.resolve()]
    inside = find_tasks(folder.resolve())
    if not inside:
        mend = "name a task's folder, or the folder that holds the tasks' folders"
        raise UsageError("no task here", where=name, mend=mend)
    return list(inside.values())


def load_task(root: Path) -> Bundle:
    """Read the task in the folder `root`; one `UsageError` names every mistake."""
    if not (root / "task.toml").is_file():
        raise UsageError("no task.toml here", where=str(root), mend="name a task's folder")
    wrong = _Mistakes(root)
    _refuse_links(root, wrong)
    _unfilled(root, wrong)
    file = _record(root, "task.toml", TaskFile, wrong)
    contract, specs = (_text(root, name, wrong) for name in DOCUMENTS)
    known = _clauses("contract.md", contract, "C", wrong) + _clauses("specs.md", specs, "S", wrong)
    operations = _operations(root, wrong)
    repo, meta = _repo(root, wrong), _folder(root / "meta")
    checks = _folder(root / "checks")
    tests = _tests(checks, {clause.id for clause in known}, wrong)
    solution = _delivery(root, "solution", repo, wrong)
    alternatives = _alternatives(root, repo, wrong)
    flaws = _flaws(root, solution, tests, wrong)
    if file is not None:
        _facts(root, file, meta, flaws, operations, wrong)
    wrong.stop()
    assert file is not None
    assert solution is not None
    task = Task(file, root, task_digest(root), contract, specs, known, operations)
    seed = _seed(task, repo, meta, wrong)
    wrong.stop()
    return Bundle(task, seed, solution, alternatives, flaws, checks, _text(root, OPENAPI, wrong), tests)


def task_digest(root: Path) -> str:
    """Over everything that an agent sees and a verdict uses, nothing else."""
    files = {name: sha256((root / name).read_bytes()) for name in SEEN_FILES}
    folders = {name: folder_digest(root / name) for name in SEEN_FOLDERS}
    return digest([files, folders])


# --- files -------------------------------------------------------------------------------------------------------


def _refuse_links(root: Path, wrong: _Mistakes) -> None:
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root).as_posix()
        if path.is_symlink():
            wrong.add(place, "a symbolic link; put the file itself here")
        elif not path.is_file() and not path.is_dir():
            wrong.add(place, "neither a file nor a folder; remove it")


def _unfilled(root: Path, wrong: _Mistakes) -> None:
    """Marks of `harness new task` that an author has not replaced yet."""
    for path in folder_files(root):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if UNFILLED in line:
                told = line.partition(UNFILLED)[2].decode("utf-8", "replace").strip()
                wrong.add(f"{path.relative_to(root).as_posix()}:{number}", f"to fill in: {told}")


def _folder(root: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder_files(root)
    }


def _text(root: Path, name: str, wrong: _Mistakes) -> str:
    try:
        text = (root / name).read_bytes().decode().replace("\r\n", "\n")
    except FileNotFoundError:
        wrong.add(name, "missing; every task has one")
        return ""
    except UnicodeDecodeError as error:
        wrong.add(name, f"not UTF-8 at byte {error.start}")
        return ""
    if not text.strip():
        wrong.add(name, "empty")
    return text


def _record(root: Path, name: str, kind: type[RecordT], wrong: _Mistakes) -> RecordT | None:
    text = _text(root, name, wrong)
    if not text.strip():
        return None
    try:
        return kind.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        wrong.add(name, f"not TOML: {error}")
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            place = ".".join(str(part) for part in problem["loc"])
            wrong.add(name, f"{place}: {problem['msg'][0].lower()}{problem['msg'][1:]}")
    return None


# --- documents ---------------------------------------------------------------------------------------------------


def _clauses(name: str, text: str, letter: str, wrong: _Mistakes) -> tuple[Clause, ...]:
    if text.strip() and not CLAUSE.search(text):
        wrong.add(name, f"no clause; write '[{letter}-01] sentence', one on a line")
    first: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for match in LOOSE_CLAUSE.finditer(line):
            clause = match["id"]
            mistake = _clause_mistake(clause, letter, first.get(clause))
            first.setdefault(clause, number)
            if mistake:
                wrong.add(f"{name}:{number}", f"[{clause}]: {mistake}")
    return clauses(text)


def _clause_mistake(clause: str, letter: str, first: int | None) -> str | None:
    if not clause.startswith(f"{letter}-"):
        return f"clauses of this document begin with {letter}; refer to others without brackets"
    if not CLAUSE.match(f"[{clause}]"):
        return "a clause's number has at least two digits"
    if first is not None:
        return f"stands in line {first} already; refer to it without brackets"
    return None


def _operations(root: Path, wrong: _Mistakes) -> tuple[Operation, ...]:
    name = OPENAPI
    try:
        document: Any = yaml.safe_load(_text(root, name, wrong))
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        wrong.add(f"{name}{line}", f"not YAML: {error.problem}")
        return ()
    except yaml.YAMLError as error:
        wrong.add(name, f"not YAML: {error}")
        return ()
    paths = document.get("paths") if isinstance(document, dict) else None
    found = tuple(_operations_in(paths)) if isinstance(paths, dict) else ()
    if document is not None and not found:
        wrong.add(name, "paths: no operation; write path, then method")
    return found


def _operations_in(paths: Mapping[Any, Any]) -> Iterator[Operation]:
    for path, item in paths.items():
        for method in item if isinstance(item, dict) else ():
            if method in METHODS:
                yield Operation(method=method.upper(), path=str(path))


# --- the workspace -----------------------------------------------------------------------------------------------


def _repo(root: Path, wrong: _Mistakes) -> Files:
    repo = _folder(root / "repo")
    if not repo:
        wrong.add("repo/", "no file; the seed repo stands here")
    if (root / "repo" / ".git").exists():
        wrong.add("repo/.git", "remove it; the harness commits the seed with fixed dates")
    return repo


def _seed(task: Task, repo: Files, meta: Files, wrong: _Mistakes) -> Files:
    seed = dict(repo)
    placed = {task.contract_path: (task.contract.encode(), False), task.specs_path: (task.specs.encode(), False)}
    for name, content in meta.items():
        placed[_meta_place(task, name)] = content
    for path, content in placed.items():
        if path in seed:
            wrong.add(f"repo/{path}", "the harness puts a document of the task here; remove it")
        seed[path] = content
    return seed


def _meta_place(task: Task, name: str) -> str:
    """The project map is the project's, status and earlier reports are the sprint's: as the prompt names them."""
    of_sprint = name == "status.md" or EARLIER_REPORT.fullmatch(name)
    return f".claude/sprint/{task.file.sprint}/{name}" if of_sprint else f".claude/{name}"


# --- hidden checks -----------------------------------------------------------------------------------------------


def _tests(checks: Files, known: Collection[str], wrong: _Mistakes) -> frozenset[str]:
    """Ids of the hidden checks, `test_file.py::test_name`."""
    found: set[str] = set()
    for name, (content, _) in checks.items():
        path = PurePosixPath(name)
        if not path.match("test_*.py"):
            continue
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError) as error:
            wrong.add(f"checks/{name}:{getattr(error, 'lineno', 1)}", f"not Python: {error}")
            continue
        for test in _test_functions(tree):
            found.add(f"{name}::{test.name}")
            _covered(f"checks/{name}:{test.lineno}", test, known, wrong)
    if not found:
        wrong.add("checks/", "no hidden check; write functions 'test_…' in files 'test_….py'")
    return frozenset(found)


def _test_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def _covered(
    place: str, test: ast.FunctionDef | ast.AsyncFunctionDef, known: Collection[str], wrong: _Mistakes
) -> None:
    for mark in test.decorator_list:
        if not (isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "covers"):
            continue
        for clause in mark.args:
            if isinstance(clause, ast.Constant) and clause.value not in known:
                wrong.add(place, f"{test.name}: " + unknown("clause", str(clause.value), known))


# --- deliveries --------------------------------------------------------------------------------------------------


def _delivery(root: Path, place: str, repo: Files, wrong: _Mistakes) -> Delivery | None:
    facts = _record(root, f"{place}/delivery.toml", _DeliveryFile, wrong)
    report = _text(root, f"{place}/report.md", wrong)
    files = {path: content for path, (content, _) in _folder(root / place / "files").items()}
    if not files:
        wrong.add(f"{place}/files/", "no file; put every new or changed file here, whole")
    if facts is None:
        return None
    for path in facts.deleted:
        if path not in repo:
            wrong.add(f"{place}/delivery.toml", f"deleted: the seed has no file '{path}'")
        if path in files:
            wrong.add(f"{place}/delivery.toml", f"deleted: '{path}' is delivered as well")
    return Delivery(files=files, deleted=facts.deleted, report=report, commit=facts.commit)


def _alternatives(root: Path, repo: Files, wrong: _Mistakes) -> dict[str, Delivery]:
    found = {}
    for path in _entries(root / "alternatives"):
        delivery = _delivery(root, f"alternatives/{path.name}", repo, wrong)
        if delivery is not None:
            found[path.name] = delivery
    return found


def _flaws(root: Path, solution: Delivery | None, tests: Collection[str], wrong: _Mistakes) -> dict[str, FlawFile]:
    found = {}
    for path in _entries(root / "flaws"):
        place = f"flaws/{path.name}"
        flaw = _record(root, place, FlawFile, wrong) if path.suffix == ".toml" else None
        if path.suffix != ".toml":
            wrong.add(place, "flaws are files '<name>.toml'")
        if flaw is None:
            continue
        found[path.stem] = flaw
        _named_checks(place, flaw, tests, wrong)
        if solution is not None:
            _fits(place, flaw, solution, wrong)
    return found


def _entries(root: Path) -> Iterable[Path]:
    return sorted(path for path in root.glob("*") if path.name not in IGNORED_DIRECTORIES)


def _named_checks(place: str, flaw: FlawFile, tests: Collection[str], wrong: _Mistakes) -> None:
    if not flaw.checks and not flaw.rules:
        wrong.add(place, "names neither checks nor rules that must catch it")
    for check in flaw.checks:
        if check.partition("[")[0] not in tests:
            wrong.add(place, "checks: " + unknown("hidden check", check, tests))


def _fits(place: str, flaw: FlawFile, solution: Delivery, wrong: _Mistakes) -> None:
    try:
        apply(flaw, solution, place)
    except UsageError as error:
        wrong.add(error.where, f"{error.message}; {error.mend}")
    except UnicodeDecodeError:
        wrong.add(place, "edit: only text files can be edited")


# --- facts that must agree ---------------------------------------------------------------------------------------


def _facts(
    root: Path,
    file: TaskFile,
    meta: Files,
    flaws: Mapping[str, FlawFile],
    operations: Collection[Operation],
    wrong: _Mistakes,
) -> None:
    if file.id != root.resolve().name:
        wrong.add("task.toml", f"id: '{file.id}' differs from the folder's name '{root.resolve().name}'")
    if file.dishonest_flaw not in flaws:
        wrong.add("task.toml", "dishonest_flaw: " + unknown("flaw", file.dishonest_flaw, flaws))
    elif flaws[file.dishonest_flaw].kind != "contract":
        wrong.add("task.toml", f"dishonest_flaw: '{file.dishonest_flaw}' is not of kind 'contract'")
    for index, stale in enumerate(file.stale):
        if stale.document not in meta:
            wrong.add("task.toml", f"stale.{index}.document: there is no meta/{stale.document}")
    endpoints = [str(operation) for operation in operations]
    for index, deviation in enumerate(file.expected_deviations):
        if deviation.endpoint not in endpoints:
            place = f"expected_deviations.{index}.endpoint"
            wrong.add("task.toml", f"{place}: " + unknown("operation", deviation.endpoint, endpoints))
    for name in meta:
        if name not in ("project-map.md", "status.md") and not EARLIER_REPORT.fullmatch(name):
            wrong.add(f"meta/{name}", "meta holds project-map.md, status.md and backend-report-….md only")
