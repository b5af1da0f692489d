"""What static rules stand on: added lines, parsed source, ruff's one run, and the tables that weigh what they find."""

from __future__ import annotations

import ast
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graders
from graders.addedlines import MAX_PAIRS, added_lines, compare, diff_of, inert, split_lines, text_of
from graders.looseconfig import config_of, loosened
from graders.pycode import MAX_KEPT, is_app, is_migration, is_script, is_test, parse, syntax
from graders.rule_violations import RuleViolations
from graders.rulekit import case
from graders.secrets import has_key_shape, has_remote_password, setting_weight, weight
from graders.static import analysis_of
from graders.suppressions import new_suppressions
from graders.weakened import assertions
from harness.core import plugins
from harness.core.ports import Case
from harness.core.records import Entry, Outcome, Severity, Tree

FUNCTION = "def rate(room: str) -> int:\n    total = len(room)\n    return total\n"
SLEEPS = "import time\n\n\nasync def f() -> None:\n    time.sleep(1)\n"
KEY = "AKIA" + "Q3EGRT5PLM2WX8ZV"


def added(before: dict[str, str], after: dict[str, str]) -> dict[str, list[int]]:
    paths = tuple(sorted(before.keys() | after.keys()))
    found = added_lines(Tree.of(before), Tree.of(after), paths)
    return {path: sorted(lines) for path, lines in found.items() if lines}


# --- added lines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": "1\n2\n"}, {"a": "1\n2\n"}, {}),
        ({}, {"a": "1\n\n2\n"}, {"a": [1, 3]}),
        ({"a": "1\n2\n"}, {"a": "1\nx\n2\n"}, {"a": [2]}),
        ({"a": "1\n2\n"}, {"a": "1\nx\n"}, {"a": [2]}),
        ({"a": "1\n"}, {}, {}),
        ({"a": FUNCTION}, {"b": "X = 1\n" + FUNCTION}, {"b": [1]}),
        ({"a": FUNCTION + "X = 1\n"}, {"a": "X = 1\n" + FUNCTION}, {}),
        ({"a": FUNCTION}, {"b": "class A:\n" + FUNCTION.replace("\n", "\n    ")}, {"b": [1]}),
        ({"a": "wait()\n"}, {"b": "wait()\nwait()\n"}, {"b": [2]}),
        ({"a": "1\n"}, {"a": "1\r\n2\r\n"}, {"a": [2]}),
    ],
)
def test_added_lines(before: dict[str, str], after: dict[str, str], expected: dict[str, list[int]]) -> None:
    assert added(before, after) == expected


LINES = st.lists(st.sampled_from(["a", "b", " b", "", "return 1", "c\x0cd"]), max_size=12)


@given(LINES, LINES)
def test_what_is_not_added_stood_in_the_seed(before: list[str], after: list[str]) -> None:
    numbers = added({"x": "\n".join(before)}, {"x": "\n".join(after)}).get("x", [])
    old = Counter(line.strip() for index, line in enumerate(after, 1) if index not in numbers and line.strip())
    assert not old - Counter(line.strip() for line in before)


@given(LINES, LINES)
def test_every_line_that_the_seed_lacks_is_added(before: list[str], after: list[str]) -> None:
    numbers = added({"x": "\n".join(before)}, {"x": "\n".join(after)}).get("x", [])
    known = {line.strip() for line in before}
    assert {index for index, line in enumerate(after, 1) if line.strip() and line.strip() not in known} <= set(numbers)


def test_large_and_repetitive_files_are_compared_without_difflib() -> None:
    count = int(MAX_PAIRS**0.5) + 1
    before, after = ["same", "x"] * count, ["x", "same"] * count + ["new"]
    started = time.process_time()
    new, gone = compare(before, after)
    assert new == [(2 * count + 1, "new")]
    assert gone == []
    assert time.process_time() - started < 2


def test_lines_are_counted_as_python_counts_them() -> None:
    assert split_lines("a\x0cb\u2028c\r\nd\re") == ["a\x0cb\u2028c", "d", "e"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbfX = 1\n", "X = 1\n"),
        (b"# caf\xe9\n", "# caf\N{REPLACEMENT CHARACTER}\n"),
        (b"X\0", None),
        (b"x" * 1_000_001, None),
    ],
)
def test_text(data: bytes, expected: str | None) -> None:
    assert text_of(Tree.of({"x": data}), "x") == expected


def test_links_and_absent_files_have_no_text() -> None:
    tree = Tree({"x": Entry(kind="link", target="/etc/passwd")}, dict[str, bytes]().__getitem__)
    assert (text_of(tree, "x"), text_of(tree, "y")) == (None, None)


def test_installed_packages_and_caches_are_nobodys_change() -> None:
    files: dict[str, str | bytes | None] = {
        ".venv/lib/x.py": "import os\n",
        "app/__pycache__/x.pyc": b"\0",
        "app/x.py": "X = 1\n",
    }
    assert diff_of(case(files=files)).changed == ("app/x.py",)


def test_bulk_is_left_out_before_small_files_are() -> None:
    bulk = {f"app/a{number}.py": "X = 1\n" * 150_000 for number in range(3)}
    diff = diff_of(case(files={**bulk, "app/z.py": SLEEPS}))
    assert diff.readable == ("app/a0.py", "app/a1.py", "app/z.py")
    assert set(diff.added) == set(diff.readable)
    assert len(diff.changed) == 4


def test_shown_text_does_nothing() -> None:
    assert inert("a\x1b[2Jb\tc\u202ed") == "a\N{REPLACEMENT CHARACTER}[2Jb c\N{REPLACEMENT CHARACTER}d"


# --- source --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "test", "migration", "script", "app"),
    [
        ("app/x.py", False, False, False, True),
        ("app/x.txt", False, False, False, False),
        ("tests/x.py", True, False, False, False),
        ("app/test_x.py", True, False, False, False),
        ("app/contest.py", False, False, False, True),
        ("conftest.py", True, False, False, False),
        ("alembic/env.py", False, True, False, False),
        ("app/migrations/versions/1.py", False, True, False, False),
        ("app/alembic.py", False, False, False, True),
        ("scripts/seed.py", False, False, True, False),
        ("app/__main__.py", False, False, True, False),
    ],
)
def test_kinds_of_files(path: str, test: bool, migration: bool, script: bool, app: bool) -> None:
    assert (is_test(path), is_migration(path), is_script(path), is_app(path)) == (test, migration, script, app)


def test_names_and_scopes() -> None:
    source = parse(
        "import a.b as c\nfrom d import e as f\nfrom . import g\nimport h.i\n\n\n"
        "class K:\n    @c.mark\n    async def m(self, x=f.default):\n        return [c.run(), (lambda: g.go())]\n"
    )
    assert source is not None
    assert source.imports == {"c": "a.b", "f": "d.e", "g": ".g", "h": "h"}
    assert list(source.functions) == ["K.m"]
    where = {source.dotted(n): s.qualname if s else "" for n, s in source.nodes if isinstance(n, ast.Attribute)}
    assert where == {"a.b.mark": "K", "d.e.default": "K", "a.b.run": "K.m", ".g.go": "K.m.<lambda>"}
    assert [source.function_at(line) for line in (1, 7, 8, 10)] == ["", "", "K.m", "K.m"]


@pytest.mark.parametrize("text", ["def f(:", "\0", "(" * 5000, "-" * 100_000 + "1", "x = " + "[" * 300 + "]" * 300])
def test_what_cannot_be_parsed_is_no_source(text: str) -> None:
    assert parse(text) is None


# --- ruff ----------------------------------------------------------------------------------------------------------


def codes(given: Case) -> list[tuple[str, int, str]]:
    return [(item.path, item.line, item.code) for item in analysis_of(given).pinned]


@pytest.mark.parametrize(
    "text",
    [
        SLEEPS,
        SLEEPS.replace("(1)", "(1)  # noqa"),
        SLEEPS.replace("(1)", "(1)  # NoQA: ASYNC251"),
        SLEEPS.replace("(1)", "(1)  # ruff: noqa"),
        SLEEPS.replace("import time\n", "import time  # flake8: noqa\n"),
        SLEEPS.replace("import time\n\n\n", "# ruff: disable[ASYNC251]\nimport time\n\n"),
        SLEEPS.replace("import time\n\n\n", "# ruff:noqa: ASYNC251\nimport time\n\n"),
    ],
)
def test_no_comment_hides_a_pinned_code(text: str) -> None:
    assert codes(case(files={"app/x.py": text})) == [("app/x.py", 5, "ASYNC251")]


def test_findings_stand_at_the_delivery_s_own_paths_whatever_they_are() -> None:
    names = ["app/x y.py", "app/--config=x.py", "app/\n.py", "app/é.py", "build/x.py", "app/" + "n" * 240 + ".py"]
    found = codes(case(files=dict.fromkeys(names, SLEEPS)))
    assert {path for path, _, _ in found} == set(names)


def test_the_agent_s_own_configuration_is_never_read() -> None:
    files = {"app/x.py": SLEEPS, "ruff.toml": "exclude = ['*']\n", "app/ruff.toml": "lint.select = []\n"}
    assert codes(case(files=files)) == [("app/x.py", 5, "ASYNC251")]


def test_one_run_serves_all_rules_of_all_cases_with_the_same_files() -> None:
    given = analysis_of(case(files={"app/x.py": SLEEPS}))
    assert analysis_of(case(files={"app/x.py": SLEEPS}, reply="other")) is given
    assert analysis_of(case(files={"app/y.py": SLEEPS})).pinned != given.pinned
    assert analysis_of(case(files={"app/x.py": SLEEPS}, base={**BASE, "ruff.toml": ""})) is not given


def test_code_is_read_by_one_thread_at_a_time() -> None:
    """Graders run at once, and Python 3.11 answers SystemError to some threads that call `ast.parse` together."""
    folder = Path(str(graders.__file__)).parent
    calls = [
        path.name
        for path in sorted(folder.glob("**/*.py"))
        if "testkit" not in path.parts
        for node in ast.walk(syntax(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ast.parse"
    ]
    assert calls == ["pycode.py"]


def test_equal_files_share_one_tree_within_bounds() -> None:
    first = parse("x = 1\n")
    assert parse("x = 1\n") is first
    for number in range(3):
        parse(f"x = {number}  #" + "x" * (MAX_KEPT // 2))
    assert parse("x = 1\n") is not first


def test_files_that_cannot_be_parsed_do_not_keep_others_from_being_judged() -> None:
    files: dict[str, str | bytes | None] = {
        "app/x.py": SLEEPS,
        "app/y.py": "def f(:\n",
        "app/z.py": b"\0",
        "app/deep.py": "(" * 9000,
    }
    assert codes(case(files=files)) == [("app/x.py", 5, "ASYNC251")]


def test_a_configuration_of_the_repo_s_that_ruff_refuses_is_told_and_spoils_nothing_else() -> None:
    base = {"pyproject.toml": "[tool.ruff]\nno-such-key = 1\n", "app/y.py": ""}
    given = case(base=base, files={"app/x.py": SLEEPS})
    assert "no-such-key" in analysis_of(given).repo_problem
    assert codes(given) == [("app/x.py", 5, "ASYNC251")]
    ruling = plugins.load("graders.rules", "s7")().judge(given)
    assert ruling.outcome is Outcome.UNKNOWN


def test_a_folder_in_place_of_the_repo_s_configuration_spoils_nothing() -> None:
    base = {"pyproject.toml": "[tool.ruff]\nline-length = 60\n", "app/y.py": ""}
    given = case(base=base, files={"pyproject.toml": None, "pyproject.toml/x.py": SLEEPS, "app/x.py": SLEEPS})
    assert codes(given) == [("app/x.py", 5, "ASYNC251"), ("pyproject.toml/x.py", 5, "ASYNC251")]


# --- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("api_key", "p9Xk2mQ7vT4bR8wLs1Zc6N", Severity.BLOCKING),
        ("API_KEY", "p9Xk2mQ7vT4bR8wLs1Zc6N", Severity.BLOCKING),
        ("stripeApiKey", "p9Xk2mQ7vT4bR8wLs1Zc6N", Severity.BLOCKING),
        ("stripe_secret_key", "p9Xk2mQ7vT4bR8wLs1Zc6N", Severity.BLOCKING),
        ("cache_key", "p9Xk2mQ7vT4bR8wLs1Zc6N", None),
        ("secret_keys_seen", "p9Xk2mQ7vT4bR8wLs1Zc6N", None),
        ("password", "hunter22", Severity.MAJOR),
        ("password", "password", None),
        ("password", "a", None),
        ("password", "", None),
        ("password", "The password has 3 faults", None),
        ("password", "change-me-1234567890", Severity.MINOR),
        ("secret_key", "dev-secret-key", Severity.MINOR),
        ("secret_key", "errors.auth.secret_key", None),
        ("access_token", "bearer", None),
        ("password", "errors.password.min8", None),
        ("password", "oauth2_password_grant", None),
        ("access_token", "/auth/v2/token", None),
        ("token_url", "p9Xk2mQ7vT4bR8wLs1Zc6N", None),
        ("api_key", "X-API-Key", None),
        ("api_key", "${API_KEY}", Severity.MINOR),
        ("password", "aaaaaaaaaaaaaaaa1", Severity.MAJOR),
    ],
)
def test_weight_of_a_value_under_a_name(name: str, value: str, expected: Severity | None) -> None:
    assert weight(name, value) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"key = '{KEY}'", True),
        ("AKIAIOSFODNN7EXAMPLE", False),
        ("-----BEGIN RSA PRIVATE KEY-----", True),
        ("-----BEGIN PUBLIC KEY-----", False),
        ("ghp_" + "a1B2" * 9, True),
        ("sk-ant-" + "a1B2c3D4" * 4, True),
        ("risk-" + "a" * 40, False),
        ("sk_test_" + "a1B2c3D4" * 4, False),
        ("sk_live_" + "a1B2c3D4" * 4, True),
        ("sk_live_xxxxxxxxxxxxxxxxxxxxxxxx", False),
        ("task-0123456789abcdef0123456789abcdef", False),
    ],
)
def test_shapes_of_keys(line: str, expected: bool) -> None:
    assert has_key_shape(line) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("postgresql://app:Tr0ub4dor@db.prod.acme.io/app", True),
        ("postgresql://app:app@db.prod.acme.io/app", False),
        ("postgresql://app:Tr0ub4dor@localhost/app", False),
        ("postgresql://app:Tr0ub4dor@127.0.0.1/app", False),
        ("postgresql://app:Tr0ub4dor@192.168.0.7/app", False),
        ("postgresql://app:Tr0ub4dor@52.18.0.7/app", True),
        ("postgresql://app:Tr0ub4dor@postgres:5432/app", False),
        ("postgresql://user:Tr0ub4dor@db.example.com/app", False),
        ("postgresql://{user}:{password}@db.prod.acme.io/app", False),
        ("mailto:dana@acme.io", False),
    ],
)
def test_passwords_in_addresses(line: str, expected: bool) -> None:
    assert has_remote_password(line) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('  "api_key": "p9Xk2mQ7vT4bR8wLs1Zc6N",', Severity.BLOCKING),
        ("api_key: p9Xk2mQ7vT4bR8wLs1Zc6N", Severity.BLOCKING),
        ("api_key = p9Xk2mQ7vT4bR8wLs1Zc6N", Severity.BLOCKING),
        ('"password": "Mot de passe"', None),
        ("api_key: ${API_KEY}", Severity.MINOR),
        ("# api_key: p9Xk2mQ7vT4bR8wLs1Zc6N", None),
    ],
)
def test_lines_of_settings(line: str, expected: Severity | None) -> None:
    assert setting_weight(line) is expected


# --- suppressions, configuration, tests ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "x = 1  # noqa: E501, F401\n", [("noqa", "E501"), ("noqa", "F401")]),
        ("", "x = 1  # why  # noqa\n", [("noqa", "*")]),
        (
            "",
            "x = 1  # type: ignore[arg-type] # pyright: ignore\n",
            [("type: ignore", "ARG-TYPE"), ("pyright: ignore", "*")],
        ),
        ("", "# pylint: disable=invalid-name\n", [("pylint: disable", "INVALID-NAME")]),
        ("", "# mypy: ignore-errors\n", [("mypy", "IGNORE-ERRORS")]),
        ("", "run(x)  # nosec B602\n", [("nosec", "B602")]),
        ("", "x = '# noqa'\n", []),
        ("", '"""\n# noqa\n"""\n', []),
        ("", "# about noqa and type: ignore comments\n", []),
        ("x = 1  # noqa: E501\n", "y = 2  # noqa: E501\n", []),
        ("x = 1  # noqa: E501\n", "x = 1  # noqa: E501\ny = 2  # noqa: E501\n", [("noqa", "E501")]),
        ("x = 1  # noqa\n", "x = 1  # noqa: E501\n", []),
        ("x = 1  # noqa: E501\n", "x = 1\n", []),
    ],
)
def test_new_suppressions(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    diff = diff_of(case(base={"app/x.py": before}, files={"app/x.py": after}))
    assert [found.what for found in new_suppressions(diff)] == expected


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('[tool.ruff.lint]\nselect = ["ALL"]', '[tool.ruff.lint]\nselect = ["E"]', "ruff.select"),
        ('[tool.ruff]\nselect = ["E"]', '[tool.ruff.lint]\nselect = ["E", "F"]', None),
        ('[tool.ruff]\nselect = ["E501"]', '[tool.ruff]\nselect = ["E"]', None),
        ("[tool.ruff]\nline-length = 80", '[tool.ruff]\nline-length = 80\nlint.select = ["I"]', "ruff.select"),
        (
            "[tool.ruff]\nline-length = 80",
            '[tool.ruff]\nline-length = 80\nextend-exclude = ["app"]',
            "ruff.exclude",
        ),
        ("[tool.ruff.lint.mccabe]\nmax-complexity = 5", "[tool.ruff]", "ruff.mccabe.max-complexity"),
        ("[tool.black]\nline-length = 80", "[tool.black]\nline-length = 70", None),
        ("[tool.mypy]\nstrict = true", "[tool.mypy]", "mypy.strict"),
        (
            "[tool.mypy]\nstrict = true",
            '[tool.mypy]\nstrict = true\ndisable_error_code = ["x"]',
            "mypy.disable_error_code",
        ),
        (
            "[tool.mypy]\nstrict = true",
            '[tool.mypy]\nstrict = true\n[[tool.mypy.overrides]]\nmodule = "a"\nignore_errors = true',
            "mypy.overrides",
        ),
        (
            "[tool.mypy]\nstrict = true",
            '[tool.mypy]\nstrict = true\n[[tool.mypy.overrides]]\nmodule = "a"\ndisallow_any_expr = true',
            None,
        ),
        (
            '[tool.pytest.ini_options]\naddopts = "-q"',
            '[tool.pytest.ini_options]\naddopts = "-q -k fast"',
            "pytest.addopts",
        ),
        ('[tool.pytest.ini_options]\naddopts = "-q"', '[tool.pytest.ini_options]\naddopts = "-q --tb=short"', None),
        (
            '[tool.pytest.ini_options]\ntestpaths = ["tests"]',
            '[tool.pytest.ini_options]\ntestpaths = ["tests/a"]',
            "pytest.testpaths",
        ),
        ('[tool.pytest.ini_options]\ntestpaths = ["tests"]', "[tool.pytest.ini_options]", None),
        (
            '[tool.coverage.run]\nsource = ["app"]',
            '[tool.coverage.run]\nsource = ["app"]\nomit = ["x"]',
            "coverage.run.omit",
        ),
        ("[project]\nname = 'x'", '[project]\nname = "x"\n[tool.ruff.lint]\nignore = ["E"]', None),
    ],
)
def test_loosened_configuration(before: str, after: str, key: str | None) -> None:
    diff = diff_of(case(base={"pyproject.toml": before}, files={"pyproject.toml": after}))
    assert [found.key for found in loosened(diff)] == ([key] if key else [])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("setup.cfg", "[tool:pytest]\naddopts = -q\n", {"pytest.addopts": "-q"}),
        ("pytest.ini", "[pytest]\nxfail_strict = true\n", {"pytest.xfail_strict": True}),
        (
            "mypy.ini",
            "[mypy]\nstrict = True\n[mypy-x.*]\nignore_errors = True\n",
            {"mypy.strict": True, "mypy.overrides-x.*.ignore_errors": True},
        ),
        (".coveragerc", "[report]\nfail_under = 90\n", {"coverage.report.fail_under": 90}),
        ("tox.ini", "[flake8]\nmax-line-length = 100\n[testenv]\ndeps = x\n", {"flake8.max-line-length": 100}),
        ("ruff.toml", "[lint]\nselect = ['E']\n", {"ruff.select": ["E"]}),
        ("setup.cfg", "no section\n", {}),
        ("ruff.toml", "[", {}),
    ],
)
def test_configuration_is_read_into_one_map(name: str, text: str, expected: dict[str, object]) -> None:
    assert config_of(Tree.of({name: text})) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert x", 1),
        ("assert x and y and z", 3),
        ("assert True", 0),
        ("assert (x, 'always true')", 0),
        ("assert x or True", 0),
        ("assert x or y", 1),
        ("if False:\n        assert x", 0),
        ("return\n    assert x", 0),
        ("with raises(E):\n        pass", 0),
        ("with pytest.raises(E):\n        pass", 1),
        ("self.assertEqual(1, x)\n    mock.assert_called_once()", 2),
        ("try:\n        assert x\n    except AssertionError:\n        pass", 0),
        ("try:\n        assert x\n    except:\n        pass", 0),
        ("try:\n        assert x\n    except ValueError:\n        pass", 1),
        ("try:\n        assert x\n    except AssertionError:\n        raise", 1),
        ("helper()", 2),
    ],
)
def test_assertions_that_can_fail(body: str, expected: int) -> None:
    source = parse(f"def helper():\n    assert a\n    assert b\n\n\ndef test_x(self):\n    {body}\n")
    assert source is not None
    assert assertions(source, source.functions["test_x"]) == expected


# --- hostile deliveries --------------------------------------------------------------------------------------------

OURS = [name for name in plugins.names("graders.rules") if name.startswith(("s", "x"))]
BASE = {
    "app/__init__.py": "",
    "app/x.py": SLEEPS,
    "app/services/x.py": "X = 1\n",
    "app/routers/x.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n",
    "app/locales/en.json": '{"a": ""}',
    "app/locales/fr.json": '{"a": ""}',
    "tests/test_x.py": "def test_x() -> None:\n    assert 1 + 1 == 2\n",
    "pyproject.toml": '[project]\nname = "x"\n\n[tool.ruff]\nline-length = 100\n\n[tool.mypy]\nstrict = true\n',
    "uv.lock": "version = 1\n",
    "setup.cfg": "[flake8]\nmax-line-length = 100\n",
}
NASTY: dict[str, bytes] = {
    "empty": b"",
    "nul": b"X = 1\0\n" * 10,
    "invalid utf-8": b"# \xff\xfe\nX = '\xc3\x28'\n",
    "surrogates": "X = '\ud800'\n".encode("utf-8", "surrogatepass"),
    "syntax": b"def f(:\n  {[(\n",
    "5 MB": b"import time\nasync def f(): time.sleep(1)\n" * 130_000,
    "one long line": b"X = '" + b"a" * 900_000 + b"'\n",
    "many lines": b"x = 1  # noqa: E501\n" * 20_000,
    "deep parentheses": b"x = " + b"(" * 50_000 + b")" * 50_000,
    "deep attributes": b"x = a" + b".b" * 2_000 + b"\n",
    "deep operators": b"x = 1" + b" + 1" * 2_500 + b"\n",
    "deep calls": b"x = " + b"f(" * 150 + b")" * 150 + b"\n",
    "deep toml": b"[tool.ruff]\nx = " + b"[" * 50_000,
    "deep json": b"[" * 100_000,
    "yaml of aliases": b"a: &a [x,x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (n, n) for n in range(500)),
    "deep yaml": b"a: " + b"- " * 30_000,
    "odd toml types": b"tool = 3\nproject = [1]\ndependency-groups = 'x'\n",
    "other odd toml types": b"[tool]\nruff = 1\nmypy = []\n[project]\ndependencies = 'x'\noptional-dependencies = [1]",
    "carriage returns": b"X = 1\rimport requests\rY = 2\r",
    "form feeds": b"\x0c\x0cX = 1\x0c\n",
    "escapes": b"'\\d \\q'\nX = 0or 1\n",
}
PATHS = (
    *("app/x.py", "app/routers/x.py", "tests/test_x.py", "tests/conftest.py", "config/prod.yaml", ".env"),
    *("pyproject.toml", "setup.cfg", "uv.lock", "ruff.toml"),
    *("app/locales/fr.json", "app/locales/fr.yaml", "locale/fr/LC_MESSAGES/x.po"),
    *("app/\x1b[2J\n.py", "app/\udcff.py", "-rf.py", "app/x.py/../y.py"),
)


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> RuleViolations:
    """All static rules, as the grader runs them."""
    book = tmp_path_factory.mktemp("book") / "static.toml"
    book.write_text('name = "static"\nversion = "1"\n[rules]\n' + "".join(f"{name.upper()} = {{}}\n" for name in OURS))
    return RuleViolations(book)


@pytest.mark.parametrize("name", NASTY)
def test_no_delivery_makes_a_rule_raise_or_hang(grader: RuleViolations, name: str) -> None:
    given = case(base=BASE, files=dict.fromkeys(PATHS, NASTY[name]), reply="\x1b[31m\ud800" * 1000)
    started = time.process_time()
    grade = grader.grade(given)
    assert time.process_time() - started < 15
    assert not [check.reason for check in grade.checks if check.outcome is Outcome.UNKNOWN]
    assert grade.model_dump_json()


def test_a_delivery_that_removes_everything_is_judged() -> None:
    given = case(base=BASE, files=dict.fromkeys(BASE))
    outcomes = {rule: plugins.load("graders.rules", rule)().judge(given).outcome for rule in OURS}
    assert Outcome.UNKNOWN not in outcomes.values()
    assert outcomes["x1"] is Outcome.FAIL


def test_links_and_special_files_in_place_of_code_are_judged() -> None:
    given = case(base=BASE, files={"app/x.py": None})
    entries = given.evidence.final.entries
    assert isinstance(entries, dict)
    for path in BASE:
        entries[path] = Entry(kind="link", target="/etc/passwd")
    entries["app/fifo.py"] = Entry(kind="special")
    outcomes = {rule: plugins.load("graders.rules", rule)().judge(given).outcome for rule in OURS}
    assert Outcome.UNKNOWN not in outcomes.values()


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({}, "the repo has no linter"),
        ({"setup.cfg": "[flake8]\nmax-line-length = 100\n"}, "flake8"),
        ({".flake8": "[flake8]\nignore = E1\n", ".pylintrc": ""}, "flake8, pylint"),
        ({"pyproject.toml": "[tool.black]\nline-length = 90\n[tool.mypy]\nstrict = true\n"}, "black"),
    ],
)
def test_a_linter_that_cannot_be_run_is_named(files: dict[str, str], named: str) -> None:
    given = case(base={"app/x.py": "", **files}, files={"app/x.py": "import os\n"})
    ruling = plugins.load("graders.rules", "s7")().judge(given)
    assert (ruling.outcome, ruling.reason.rpartition(": ")[2]) == (Outcome.NOT_APPLICABLE, named)
