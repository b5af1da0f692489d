"""S1: A delivery that installs only on the agent's machine is no delivery.

Three things are looked at. The package manager stays the one that the repo uses: a lock of another one is blocking. A
package that added code imports is declared where the repo declares its own. A dependency that was added is in the lock
too. What the repo imported before, what the lock already holds, and what cannot be told from a file are not held
against anybody.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import ClassVar

from graders.addedlines import Diff, diff_of, text_of
from graders.packaging_files import (
    LOCKS,
    declared,
    is_packaging,
    locked,
    managers,
    normal,
    own_modules,
    requirement_files,
)
from graders.pycode import Source as Code
from graders.pycode import parse
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source, Tree

_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "github": "pygithub",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socketio": "python-socketio",
    "yaml": "pyyaml",
}
"""Import name -> distribution, where they differ."""
_COMES_ALONG = frozenset(
    {
        "anyio",
        "annotated_types",
        "click",
        "google",
        "greenlet",
        "h11",
        "httpcore",
        "markupsafe",
        "packaging",
        "pydantic",
    }
    | {"pydantic_core", "pytest_asyncio", "setuptools", "pkg_resources", "sniffio", "starlette", "typing_extensions"}
)
"""Packages that come with a web framework or a test runner, or whose distribution cannot be told from the import."""

_PROJECT = '[project]\nname = "items"\ndependencies = [{deps}]\n'
_LOCK = 'version = 1\n\n[[package]]\nname = "fastapi"\nversion = "1"\n'
_TABLED = {**BASE, "pyproject.toml": _PROJECT.format(deps='"fastapi>=0.1"') + "[tool.uv]\npackage = false\n"}
_REPO = {**BASE, "pyproject.toml": _PROJECT.format(deps='"fastapi>=0.1"'), "uv.lock": _LOCK}
_MORE = _PROJECT.format(deps='"fastapi>=0.1", "Slow_API"')
_MORE_LOCKED = f'{_LOCK}\n[[package]]\nname = "slow-api"\nversion = "1"\n'
_PIP = {**BASE, "pyproject.toml": "[tool.ruff]\n", "requirements.txt": "fastapi==1\n# slow-api\n-r more.txt\n"}


class S1:
    """The repo's packaging stays what it was, and says all that the code needs."""

    demand: ClassVar[str] = "The package tooling is kept as found; a new dependency is declared, its lock in step."
    section: ClassVar[str] = "Core Technical Stack"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.BLOCKING
    evidence: ClassVar[tuple[str, ...]] = ("diff",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a dependency declared and locked",
            case(base=_REPO, files={"pyproject.toml": _MORE, "uv.lock": _MORE_LOCKED, "app/x.py": "import slow_api\n"}),
            Outcome.PASS,
        ),
        Example("a second manager", case(base=_REPO, files={"poetry.lock": "x"}), Outcome.FAIL, findings=1),
        Example(
            "a second manager's table",
            case(
                base=_REPO, files={"pyproject.toml": _REPO["pyproject.toml"] + "[tool.poetry.dependencies]\nx = '1'\n"}
            ),
            Outcome.FAIL,
        ),
        Example(
            "a second manager beside one that only its table names",
            case(
                base=_TABLED,
                files={"pyproject.toml": _TABLED["pyproject.toml"] + "[tool.poetry.dependencies]\nx = '1'\n"},
            ),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "the first lock of the manager that the table names",
            case(base=_TABLED, files={"uv.lock": _LOCK}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the lock is gone, the manager's table stays",
            case(base={**_TABLED, "uv.lock": _LOCK}, files={"uv.lock": None}),
            Outcome.FAIL,
            severity=Severity.MAJOR,
        ),
        Example(
            "an import that nobody declared",
            case(base=_REPO, files={"app/x.py": "import slowapi\n"}),
            Outcome.FAIL,
            findings=1,
            severity=Severity.MAJOR,
        ),
        Example(
            "a lock out of step",
            case(base=_REPO, files={"pyproject.toml": _MORE}),
            Outcome.FAIL,
            findings=1,
            severity=Severity.MAJOR,
        ),
        Example("the lock is gone", case(base=_REPO, files={"uv.lock": None}), Outcome.FAIL, severity=Severity.MAJOR),
        Example(
            "requirements beside a lock",
            case(base=_REPO, files={"requirements.txt": "fastapi\n"}),
            Outcome.FAIL,
            severity=Severity.MAJOR,
        ),
        Example(
            "declared where the repo declares none",
            case(base=_PIP, files={"app/x.py": "import slow_api\n"}),
            Outcome.FAIL,
            severity=Severity.MAJOR,
        ),
        Example(
            "a first lock in a repo without one",
            case(base={**BASE, "pyproject.toml": _REPO["pyproject.toml"]}, files={"uv.lock": _LOCK}),
            Outcome.FAIL,
            severity=Severity.MINOR,
            trap=True,
        ),
        Example("no packaging was touched", case(base=_REPO, files={"README.md": "x"}), Outcome.NOT_APPLICABLE),
        Example(
            "the standard library, the repo itself, and what comes along",
            case(
                base=_REPO,
                files={
                    "app/x.py": "import tomllib\n\nimport starlette\nfrom app.items import f\nfrom . import items\n"
                },
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "an import with another name than its package",
            case(base={**_REPO, "uv.lock": f'{_LOCK}name = "pyyaml"\n'}, files={"app/x.py": "import yaml\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a package that is split into several",
            case(
                base={**_REPO, "uv.lock": f'{_LOCK}name = "opentelemetry-api"\n'},
                files={"app/x.py": "import opentelemetry\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "what the repo imported before",
            case(base={**_REPO, "app/y.py": "import slowapi\n"}, files={"app/x.py": "import slowapi\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an optional import",
            case(base=_REPO, files={"app/x.py": "try:\n    import uvloop\nexcept ImportError:\n    uvloop = None\n"}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a requirement in a repo of requirements",
            case(base=_PIP, files={"requirements.txt": "fastapi==1\nslow-api==2\n", "app/x.py": "import slow_api\n"}),
            Outcome.PASS,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the packaging files and the imports of added lines."""
        diff = diff_of(case)
        imports = list(_new_imports(diff))
        touched = any(is_packaging(path) for path in diff.changed)
        if not imports and not touched:
            return not_applicable("no import was added and no packaging file changed")
        have = declared(diff.final)
        findings = list(_undeclared(diff, imports, set(have)))
        if touched:
            findings += [*_managers(diff), *_unlocked(diff, have)]
        return decide(findings)


# --- managers ------------------------------------------------------------------------------------------------------


def _managers(diff: Diff) -> Iterator[Finding]:
    before, after = managers(diff.base), managers(diff.final)
    for manager, path in sorted(after.items()):
        if manager in before:
            continue
        severity = None if before or requirement_files(diff.base) else Severity.MINOR
        yield _finding(path, f"the repo does not use {manager}", severity)
    for manager, path in sorted(before.items()):
        if manager not in after or path not in diff.final.entries:
            yield _finding(path, f"the repo's {manager} is gone", Severity.MAJOR)
    if before and not requirement_files(diff.base):
        for path in requirement_files(diff.final):
            yield _finding(path, f"requirements beside {', '.join(sorted(before))}", Severity.MAJOR)


# --- dependencies --------------------------------------------------------------------------------------------------


def _new_imports(diff: Diff) -> Iterator[tuple[str, int, str]]:
    """(path, line, top-level module) of what added lines import from elsewhere."""
    known = sys.stdlib_module_names | own_modules(diff.final) | own_modules(diff.base) | _COMES_ALONG
    for path in diff.python:
        source = diff.source(path)
        for line, name in source.kept(_imports) if source is not None else ():
            if name not in known and diff.is_added(path, [line]):
                yield path, line, name


def _undeclared(diff: Diff, imports: list[tuple[str, int, str]], have: set[str]) -> Iterator[Finding]:
    """Imports whose distribution is neither declared nor locked, and which the seed did not have."""
    if not imports:
        return
    have = have.union(*(locked(diff.final, lock) for lock in LOCKS))
    wanted = {name for _, _, name in imports if not _is_provided(name, have)}
    if wanted:
        wanted -= _imported_before(diff.base)
    for name in sorted(wanted):
        path, line, _ = next(item for item in imports if item[2] == name)
        yield diff.finding(f"`{name}` is imported and declared nowhere", path, line, Severity.MAJOR)


def _is_provided(name: str, have: set[str]) -> bool:
    """Whether a distribution of that name is there, or one that it is split into (`opentelemetry-api`)."""
    return not _distributions(name).isdisjoint(have) or any(each.startswith(f"{normal(name)}-") for each in have)


def _distributions(name: str) -> set[str]:
    """Names under which an imported module may be declared."""
    usual = {name, f"python-{name}", f"py{name}", f"{name}-python"}
    return {
        normal(each) for each in (*usual, _DISTRIBUTIONS.get(name, name), _DISTRIBUTIONS.get(name, name).split("-")[0])
    }


def _imported_before(base: Tree) -> set[str]:
    texts = (text_of(base, path) for path in base.files() if path.endswith(".py"))
    sources = (parse(text) for text in texts if text)
    return {name for source in sources if source is not None for _, name in source.kept(_imports)}


def _imports(source: Code) -> list[tuple[int, str]]:
    """(line, top-level module) of absolute imports that must succeed."""
    optional = {
        id(inner)
        for node, _ in source.of(ast.Try)
        if isinstance(node, ast.Try)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found: list[tuple[int, str]] = []
    for node, _ in source.of(ast.Import, ast.ImportFrom):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append((node.lineno, node.module.split(".")[0]))
    return found


def _unlocked(diff: Diff, have: dict[str, str]) -> Iterator[Finding]:
    """Dependencies that were added to the declaration and not to the lock."""
    before = declared(diff.base)
    new = {name: path for name, path in have.items() if name not in before}
    for lock in LOCKS:
        if lock not in diff.base.entries or lock not in diff.final.entries or not new:
            continue
        held = locked(diff.final, lock)
        # A lock too large to be read holds nothing that could be missed.
        for name in sorted(new.keys() - held) if held else ():
            yield _finding(new[name], f"`{name}` is declared and not in {lock}", Severity.MAJOR)


def _finding(path: str, message: str, severity: Severity | None) -> Finding:
    return Finding(message=message, place=Place(path=path), act=f"file:{path}", severity=severity)
