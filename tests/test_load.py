"""Loading tasks and prompts: what is right is read whole, what is wrong is named with place and mend, all at once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.core.task import Operation
from harness.load.prompts import load_prompt
from harness.load.tasks import find_tasks, load_task, select, task_digest

TASK = """schema_version = 1
id = "items"
title = "Items"
sprint = "7"
toolchain = "python-fastapi"
dishonest_flaw = "wrong-status"
allowed = ["app/**"]

[app]
package = "app"
module = "app.main:app"
test = "pytest -q"
health = "/health"

[[stale]]
document = "project-map.md"
fact = "items live in one module"
match_any = ["one module"]
"""
FILES: Mapping[str, str] = {
    "task.toml": TASK,
    "contract.md": "# Contract\n\n- [C-01] `GET /items` lists items.\n- [C-02] `POST /items` adds one.\n",
    "contract.openapi.yaml": "openapi: 3.1.0\npaths:\n  /items:\n    parameters: []\n    get: {}\n    post: {}\n",
    "specs.md": "- [S-01] Keep the layers.\n",
    "meta/project-map.md": "# Map\n",
    "meta/status.md": "# Status\n",
    "meta/backend-report-1.md": "# Earlier\n",
    "repo/app/main.py": "app = None\n",
    "repo/app/old.py": "",
    "repo/run.sh": "#!/bin/sh\n",
    "checks/test_items.py": '@covers("C-01", "C-02")\n@fail_to_pass\ndef test_adds(api):\n    assert api\n',
    "checks/support.py": "def helper() -> None: ...\n",
    "solution/delivery.toml": 'commit = "Add items"\ndeleted = ["app/old.py"]\n',
    "solution/report.md": "## BACKEND IMPLEMENTATION REPORT\n",
    "solution/files/app/items.py": "STATUS = 201\n",
    "alternatives/flat/delivery.toml": 'commit = "Add items"\n',
    "alternatives/flat/report.md": "## BACKEND IMPLEMENTATION REPORT\n",
    "alternatives/flat/files/app/main.py": "STATUS = 201\n",
    "flaws/wrong-status.toml": """title = "Answers 200"
kind = "contract"
checks = ["test_items.py::test_adds"]
[[edit]]
path = "app/items.py"
find = "201"
replace = "200"
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "items"
    for name, content in FILES.items():
        put(folder, name, content)
    (folder / "repo" / "run.sh").chmod(0o755)
    return folder


def put(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def refused(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_task(folder)
    assert caught.value.mend
    return str(caught.value)


def test_a_whole_task_is_read(root: Path) -> None:
    bundle = load_task(root)
    assert bundle.task.id == "items"
    assert [clause.id for clause in bundle.task.clauses] == ["C-01", "C-02", "S-01"]
    assert bundle.task.operations == (Operation(method="GET", path="/items"), Operation(method="POST", path="/items"))
    assert bundle.solution.files == {"app/items.py": b"STATUS = 201\n"}
    assert bundle.solution.deleted == ("app/old.py",)
    assert bundle.alternatives["flat"].commit == "Add items"
    assert set(bundle.checks) == {"test_items.py", "support.py"}


def test_the_workspace_holds_repo_and_placed_documents_and_nothing_hidden(root: Path) -> None:
    seed = load_task(root).seed
    assert set(seed) == {
        "app/main.py",
        "app/old.py",
        "run.sh",
        ".claude/sprint/7/api-contract.md",
        ".claude/sprint/7/backend-specs.md",
        ".claude/sprint/7/backend-report-1.md",
        ".claude/project-map.md",
        ".claude/sprint/7/status.md",
    }
    assert seed["run.sh"] == (b"#!/bin/sh\n", True)
    assert seed[".claude/sprint/7/api-contract.md"] == (FILES["contract.md"].encode(), False)


def test_a_flawed_delivery_is_the_reference_with_the_edit(root: Path) -> None:
    bundle = load_task(root)
    assert bundle.flawed("wrong-status").files["app/items.py"] == b"STATUS = 200\n"
    with pytest.raises(UsageError, match="did you mean 'wrong-status'"):
        bundle.flawed("wrong-statu")


def test_all_mistakes_are_named_at_once(root: Path) -> None:
    put(root, "task.toml", TASK.replace('module = "app.main:app"\n', "").replace('title = "Items"\n', "titel = 1\n"))
    put(root, "specs.md", "No clause here.\n")
    (root / "solution" / "report.md").unlink()
    message = refused(root)
    for line in (
        "task.toml: app.module: field required",
        "task.toml: title: field required",
        "task.toml: titel: extra inputs are not permitted",
        "specs.md: no clause",
        "solution/report.md: missing",
        "5 mistakes",
    ):
        assert line in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("task.toml", "id = [", "task.toml: not TOML: "),
        ("task.toml", TASK.replace('"items"', '"goods"', 1), "task.toml: id: 'goods' differs from the folder's name"),
        ("task.toml", TASK.replace("wrong-status", "wrong-statu"), "did you mean 'wrong-status'"),
        ("task.toml", TASK.replace("project-map.md", "status.txt"), "task.toml: stale.0.document: input should be"),
        (
            "task.toml",
            TASK + '[[expected_deviations]]\nendpoint = "PUT /items"\nwhy = "conflict"\n',
            "expected_deviations.0.endpoint: unknown operation 'PUT /items'; did you mean",
        ),
        ("contract.md", "[C-01] one\n[C-01] two\n", "contract.md:2: [C-01]: stands in line 1 already"),
        ("contract.md", "[C-01] one, see [C-01]\n", "contract.md:1: [C-01]: stands in line 1 already"),
        ("contract.md", "[C-01] one\n[C-2] two\n", "contract.md:2: [C-2]: a clause's number has at least two digits"),
        ("specs.md", "[S-01] one\n[C-01] two\n", "specs.md:2: [C-01]: clauses of this document begin with S"),
        ("contract.md", "\n", "contract.md: empty"),
        ("contract.openapi.yaml", "paths:\n  /a: {get: [}\n", "contract.openapi.yaml:2: not YAML"),
        ("contract.openapi.yaml", "paths: {/items: {summary: x}}\n", "contract.openapi.yaml: paths: no operation"),
        ("contract.openapi.yaml", "- a\n", "contract.openapi.yaml: paths: no operation"),
        ("checks/test_items.py", "def helper(): ...\n", "checks/: no hidden check"),
        ("checks/test_items.py", "def test_x(:\n", "checks/test_items.py:1: not Python"),
        ("checks/test_items.py", "@covers('C-09')\ndef test_adds(api): ...\n", "test_adds: unknown clause 'C-09'"),
        ("checks/test_items.py", "def test_other(api): ...\n", "unknown hidden check 'test_items.py::test_adds'"),
        ("solution/delivery.toml", "deleted = []\n", "solution/delivery.toml: commit: field required"),
        ("solution/delivery.toml", 'commit = "a"\ndeleted = ["no.py"]\n', "deleted: the seed has no file 'no.py'"),
        (
            "solution/files/app/old.py",
            "again\n",
            "solution/delivery.toml: deleted: 'app/old.py' is delivered as well",
        ),
        ("alternatives/empty/report.md", "x\n", "alternatives/empty/files/: no file"),
        ("flaws/wrong-status.toml", 'title = "x"\nkind = "typo"\n', "flaws/wrong-status.toml: kind: input should be"),
        ("flaws/wrong-status.toml", 'title = "x"\nkind = "contract"\n', "names neither checks nor rules"),
        (
            "flaws/wrong-status.toml",
            FILES["flaws/wrong-status.toml"].replace('"201"', '"202"'),
            "flaws/wrong-status.toml: app/items.py: 'find' stands 0 times",
        ),
        ("flaws/notes.txt", "x", "flaws/notes.txt: flaws are files '<name>.toml'"),
        ("meta/notes.md", "x", "meta/notes.md: meta holds"),
        ("repo/.claude/project-map.md", "x", "repo/.claude/project-map.md: the harness puts a document"),
        ("repo/.git/HEAD", "x", "repo/.git: remove it"),
    ],
)
def test_each_mistake_is_named_with_its_place(root: Path, name: str, content: str, expected: str) -> None:
    put(root, name, content)
    assert expected in refused(root)


@pytest.mark.parametrize("name", ["contract.md", "specs.md", "contract.openapi.yaml", "solution/delivery.toml"])
def test_a_missing_part_is_named(root: Path, name: str) -> None:
    (root / name).unlink()
    assert f"{name}: missing" in refused(root)


def test_bytes_that_are_no_text_are_named(root: Path) -> None:
    (root / "contract.md").write_bytes(b"[C-01] \xff\n")
    (root / "solution" / "files" / "app" / "items.py").write_bytes(b"\xff201")
    message = refused(root)
    assert "contract.md: not UTF-8 at byte 7" in message
    assert "flaws/wrong-status.toml: edit: only text files can be edited" in message


def test_links_are_refused(root: Path) -> None:
    (root / "repo" / "leak.py").symlink_to("../checks/test_items.py")
    (root / "repo" / "hidden").symlink_to("../checks", target_is_directory=True)
    message = refused(root)
    assert "repo/leak.py: a symbolic link" in message
    assert "repo/hidden: a symbolic link" in message


@pytest.mark.parametrize(
    "name",
    [
        "task.toml",
        "contract.md",
        "contract.openapi.yaml",
        "specs.md",
        "meta/status.md",
        "repo/app/main.py",
        "checks/support.py",
    ],
)
def test_the_digest_changes_with_what_is_seen_or_judged(root: Path, name: str) -> None:
    before = task_digest(root)
    with (root / name).open("a") as file:
        file.write("\n")
    assert task_digest(root) != before


@pytest.mark.parametrize("name", ["solution/report.md", "alternatives/flat/report.md", "flaws/wrong-status.toml"])
def test_the_digest_ignores_what_proves_the_task(root: Path, name: str) -> None:
    before = task_digest(root)
    with (root / name).open("a") as file:
        file.write("\n")
    put(root, "checks/__pycache__/test_items.pyc", "cached")
    assert task_digest(root) == before
    assert load_task(root).task.digest == before


def test_tasks_are_found_and_selected_by_name(root: Path) -> None:
    tasks = root.parent
    (tasks / "drafts").mkdir()
    assert find_tasks(tasks) == {"items": root}
    assert [bundle.task.id for bundle in select(tasks, ["items", "items"])] == ["items"]
    assert [bundle.task.id for bundle in select(tasks, [])] == ["items"]
    with pytest.raises(UsageError, match=r"unknown task 'item'; did you mean 'items'\?"):
        select(tasks, ["item"])
    with pytest.raises(UsageError, match="no task here"):
        select(tasks / "drafts", [])
    with pytest.raises(UsageError, match=r"no task\.toml here"):
        load_task(tasks / "drafts")


def test_tasks_kept_elsewhere_are_selected_by_their_folder_or_the_one_above(root: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert [bundle.task.root for bundle in select(own, [str(root)])] == [root.resolve()]
    assert [bundle.task.root for bundle in select(own, [str(root.parent), str(root)])] == [root.resolve()]
    with pytest.raises(UsageError, match="no task here") as empty:
        select(root.parent, [str(own)])
    assert empty.value.where == str(own)


def test_a_task_of_ones_own_goes_before_a_folder_of_its_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root, tmp_path / "here" / "items")
    monkeypatch.chdir(tmp_path / "here")
    assert select(root.parent, ["items"])[0].task.root == root
    assert select(root.parent, ["./items"])[0].task.root == (tmp_path / "here" / "items").resolve()


def test_two_tasks_of_one_id_are_refused(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy" / "items")
    with pytest.raises(UsageError, match="a second task 'items'"):
        select(root.parent, ["items", str(tmp_path / "copy")])


# --- prompts -----------------------------------------------------------------------------------------------------

PROMPT = (
    "---\nname: dev\ndescription: >\n  Builds\n  backends\ntools: [Read]\nmodel: opus\n---\n\nYou build.\n---\nEnd.\n"
)


def prompt(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "dev.md"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_prompt_is_read_with_its_alias_resolved(tmp_path: Path) -> None:
    read = load_prompt(prompt(tmp_path, PROMPT))
    assert (read.name, read.description, read.model) == ("dev", "Builds backends", "claude-opus-5-5")
    assert read.body == "You build.\n---\nEnd."
    assert len(read.digest) == 64


@pytest.mark.parametrize(
    ("line", "model"),
    [
        ("model: sonnet\n", "claude-sonnet-5-5"),
        ("model: haiku\n", "claude-haiku-5-5"),
        ("model: claude-opus-4-1\n", "claude-opus-4-1"),
        ("model: inherit\n", None),
        ("model:\n", None),
        ("", None),
    ],
)
def test_models(tmp_path: Path, line: str, model: str | None) -> None:
    assert load_prompt(prompt(tmp_path, PROMPT.replace("model: opus\n", line))).model == model


def test_windows_line_ends_read_the_same(tmp_path: Path) -> None:
    read = load_prompt(prompt(tmp_path, b"\xef\xbb\xbf" + PROMPT.replace("\n", "\r\n").encode()))
    assert (read.name, read.model) == ("dev", "claude-opus-5-5")


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    first = load_prompt(prompt(tmp_path, PROMPT)).digest
    assert load_prompt(prompt(tmp_path, PROMPT + "More.\n")).digest != first


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("You build.\n", "dev.md:1: no frontmatter"),
        ("", "dev.md:1: no frontmatter"),
        ("---\nname: dev\n", "dev.md:1: the frontmatter is not closed"),
        ("---\nname: dev\ndescription: a: b\n---\nx\n", "dev.md:3: frontmatter is not YAML"),
        ("---\n- a\n---\nx\n", "dev.md:1: frontmatter has no keys"),
        ("---\n---\nx\n", "dev.md:1: frontmatter has no keys"),
        (PROMPT.replace("name: dev\n", ""), "dev.md:1: frontmatter: name is missing"),
        (PROMPT.replace("name: dev", "name: [a]"), "dev.md:1: frontmatter: name is missing"),
        (PROMPT.replace("opus", "opsu"), "dev.md:7: unknown model alias 'opsu'; did you mean 'opus'?"),
        ("---\nname: a\ndescription: b\n---\n\n", "dev.md:4: no text after the frontmatter"),
        (b"---\nname: \xff\n---\n", "dev.md: not UTF-8 at byte 10"),
    ],
)
def test_a_broken_prompt_is_refused_with_its_line(tmp_path: Path, content: str | bytes, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_prompt(prompt(tmp_path, content))
    assert expected in str(caught.value)
    assert caught.value.mend


def test_a_missing_prompt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_prompt(tmp_path / "none.md")
