"""The tools of the `messages` driver: what an agent sees of a workspace, and how it may change it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_sandbox import LocalSandbox, assignment

from harness.agents import _inside
from harness.agents._tools import OUTPUT, Answer, Toolbox, definitions
from harness.core.deadline import Deadline
from harness.core.records import Limits


@dataclass
class Place:
    root: Path
    box: Toolbox
    sandbox: LocalSandbox

    def call(self, name: str, **given: Any) -> Answer:
        return self.box.call(name, given, 1)

    def bash(self, command: str, **more: Any) -> Answer:
        return self.call("Bash", command=command, **more)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "repo"
    (root / "app" / "api").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("needle")
    (root / "app" / "main.py").write_text("import os\n\n\ndef Needle():\n    return 'needle'\n")
    (root / "app" / "api" / "rooms.py").write_text("# rooms\nneedle = 1\n")
    (root / "README.md").write_text("# Needle\n")
    sandbox = LocalSandbox(root)
    made, _ = assignment(sandbox, limits=Limits(command_s=5.0))
    yield Place(root, Toolbox(made), sandbox)
    sandbox.close()


# --- what is offered -------------------------------------------------------------------------------------------------


def test_the_tools_and_their_fields_are_named_as_claude_codes() -> None:
    fields = {tool["name"]: set(tool["input_schema"]["properties"]) for tool in definitions()}
    assert fields["Read"] == {"file_path", "offset", "limit"}
    assert fields["Write"] == {"file_path", "content"}
    assert fields["Edit"] == {"file_path", "old_string", "new_string", "replace_all"}
    assert fields["Bash"] == {"command", "timeout", "description", "run_in_background"}
    assert fields["Glob"] == {"pattern", "path"}
    assert fields["Grep"] >= {
        "pattern",
        "path",
        "glob",
        "type",
        "output_mode",
        "-i",
        "-n",
        "-A",
        "-B",
        "-C",
        "head_limit",
    }
    assert fields["Agent"] == {"description", "prompt", "subagent_type"}
    assert len(fields) == 7


def test_schemas_are_plain_and_say_what_is_required() -> None:
    read = next(tool for tool in definitions() if tool["name"] == "Read")
    assert read["input_schema"]["required"] == ["file_path"]
    assert read["input_schema"]["properties"]["limit"]["type"] == "integer"
    assert "anyOf" not in json.dumps(definitions())


def test_the_types_that_grep_offers_are_those_it_knows() -> None:
    grep = next(tool for tool in definitions() if tool["name"] == "Grep")
    assert set(grep["input_schema"]["properties"]["type"]["enum"]) == set(_inside.KINDS)


# --- Read ------------------------------------------------------------------------------------------------------------


def test_read_numbers_lines(place: Place) -> None:
    assert place.call("Read", file_path="/workspace/app/api/rooms.py").text == "     1\t# rooms\n     2\tneedle = 1"


def test_read_takes_relative_paths_from_the_workspace(place: Place) -> None:
    assert place.call("Read", file_path="README.md").text == "     1\t# Needle"


def test_read_shows_a_part(place: Place) -> None:
    (place.root / "many").write_text("".join(f"{n}\n" for n in range(1, 3001)))
    assert place.call("Read", file_path="/workspace/many", offset=2999).text == "  2999\t2999\n  3000\t3000"
    assert place.call("Read", file_path="/workspace/many", offset=5, limit=1).text == "     5\t5"


def test_read_says_when_it_shows_no_more(place: Place) -> None:
    (place.root / "many").write_text("x\n" * 3000)
    lines = place.call("Read", file_path="/workspace/many").text.splitlines()
    assert len(lines) == 2001
    assert "lines 1 to 2000 of 3000" in lines[-1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "Warning: the file exists but its contents are empty."),
        (b"a\r\nb\r\n", "     1\ta\n     2\tb"),
        (b"no end", "     1\tno end"),
        (b"\n\n", "     1\t\n     2\t"),
        (b"caf\xe9", "     1\tcaf�"),
        (b"x" * 5000, "     1\t" + "x" * 2000),
    ],
)
def test_read_takes_any_text(place: Place, content: bytes, text: str) -> None:
    (place.root / "file").write_bytes(content)
    assert place.call("Read", file_path="/workspace/file") == Answer(text, seconds=pytest.approx(0, abs=60))


def test_an_offset_past_the_end_is_told(place: Place) -> None:
    assert "has 1 lines" in place.call("Read", file_path="/workspace/README.md", offset=9).text


def test_a_long_answer_is_cut_with_a_mark(place: Place) -> None:
    (place.root / "long").write_text(("é" * 1000 + "\n") * 2000)
    answer = place.call("Read", file_path="/workspace/long")
    assert answer.truncated
    assert not answer.is_error
    assert answer.text.endswith(f"... (cut after 100000 characters of {2000 * 1008 - 1})")


@pytest.mark.parametrize("tool", ["Read", "Write", "Edit"])
@pytest.mark.parametrize("path", ["app", "pipe", "README.md/inner", "nul\0", "loop"])
def test_what_is_no_file_is_refused(place: Place, tool: str, path: str) -> None:
    os.mkfifo(place.root / "pipe")
    (place.root / "loop").symlink_to("loop")
    given = {"Read": {}, "Write": {"content": "x"}, "Edit": {"old_string": "a", "new_string": "b"}}[tool]
    began = time.monotonic()
    assert place.call(tool, file_path=f"/workspace/{path}", **given).is_error
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("content", [b"\x00\x01binary", b"x" * 10_000_001])
def test_binary_and_huge_files_are_refused(place: Place, content: bytes) -> None:
    (place.root / "file").write_bytes(content)
    assert place.call("Read", file_path="/workspace/file").is_error


def test_a_missing_file_names_the_working_directory(place: Place) -> None:
    answer = place.call("Read", file_path="/workspace/nothing.py")
    assert answer.is_error
    assert answer.text == "File does not exist. Note: your current working directory is /workspace."


# --- Write and Edit --------------------------------------------------------------------------------------------------


def test_write_makes_folders_and_replaces_content(place: Place) -> None:
    made = place.call("Write", file_path="/workspace/a/b/c.py", content="x = 'é'\n")
    again = place.call("Write", file_path="/workspace/a/b/c.py", content="y\n")
    assert (made.text, again.text) == (
        "File created successfully at: /workspace/a/b/c.py",
        "The file /workspace/a/b/c.py has been updated.",
    )
    assert (place.root / "a/b/c.py").read_bytes() == b"y\n"


def test_write_keeps_the_executable_bit(place: Place) -> None:
    script = place.root / "run.sh"
    script.write_text("old")
    script.chmod(0o755)
    place.call("Write", file_path="/workspace/run.sh", content="new")
    assert script.stat().st_mode & 0o777 == 0o755


def test_edit_replaces_a_string_that_stands_once(place: Place) -> None:
    path = place.root / "app/api/rooms.py"
    answer = place.call("Edit", file_path="/workspace/app/api/rooms.py", old_string="needle = 1", new_string="n = 2")
    assert not answer.is_error
    assert path.read_text() == "# rooms\nn = 2\n"


@pytest.mark.parametrize(
    ("old", "new", "everywhere", "says"),
    [
        ("a", "c", False, "Found 2 matches"),
        ("zzz", "c", False, "String to replace not found in file."),
        ("b", "b", False, "No changes to make"),
        ("", "c", False, "not found"),
    ],
)
def test_edit_refuses_what_is_not_one_change(place: Place, old: str, new: str, everywhere: bool, says: str) -> None:
    (place.root / "file").write_text("a b a")
    answer = place.call("Edit", file_path="/workspace/file", old_string=old, new_string=new, replace_all=everywhere)
    assert answer.is_error
    assert says in answer.text
    assert (place.root / "file").read_text() == "a b a"


def test_edit_replaces_everywhere_on_demand(place: Place) -> None:
    (place.root / "file").write_text("a b a")
    answer = place.call("Edit", file_path="/workspace/file", old_string="a", new_string="c", replace_all=True)
    assert answer.text.endswith("2 occurrences were replaced.")
    assert (place.root / "file").read_text() == "c b c"


def test_edit_keeps_bytes_that_are_not_its_affair(place: Place) -> None:
    (place.root / "file").write_bytes(b"\xff\xfe one\r\ntwo\r\n")
    answer = place.call("Edit", file_path="/workspace/file", old_string="one\ntwo", new_string="1\n2")
    assert not answer.is_error
    assert (place.root / "file").read_bytes() == b"\xff\xfe 1\r\n2\r\n"


def test_edit_of_nothing_makes_a_file(place: Place) -> None:
    place.call("Edit", file_path="/workspace/new.py", old_string="", new_string="x = 1\n")
    assert (place.root / "new.py").read_text() == "x = 1\n"


# --- Glob and Grep ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*.py", ["app/main.py", "app/api/rooms.py"]),
        ("*.py", ["app/main.py", "app/api/rooms.py"]),
        ("app/*.py", ["app/main.py"]),
        ("app/**", ["app/main.py", "app/api/rooms.py"]),
        ("**/*.{py,md}", ["README.md", "app/main.py", "app/api/rooms.py"]),
        ("app/[ml]ai?.py", ["app/main.py"]),
        ("app/[!m]ain.py", []),
        ("/workspace/app/*.py", ["app/main.py"]),
        ("*.{rs", []),
        ("**/{main,rooms}.py", ["app/main.py", "app/api/rooms.py"]),
        ("[", []),
        (".git/*", []),
    ],
)
def test_glob(place: Place, pattern: str, found: list[str]) -> None:
    answer = place.call("Glob", pattern=pattern)
    assert not answer.is_error
    assert answer.text.splitlines() == ([f"/workspace/{path}" for path in found] or ["No files found"])


@pytest.mark.parametrize("pattern", ["}{", "[b-a]"])
def test_what_is_no_glob_is_refused(place: Place, pattern: str) -> None:
    assert place.call("Glob", pattern=pattern).is_error


def test_glob_looks_in_a_folder(place: Place) -> None:
    assert place.call("Glob", pattern="*.py", path="/workspace/app/api").text == "/workspace/app/api/rooms.py"
    assert place.call("Glob", pattern="*.py", path="/workspace/nowhere").is_error


def test_glob_answers_with_a_hundred_paths_and_says_how_many_more(place: Place) -> None:
    for number in range(120):
        (place.root / f"{number}.txt").touch()
    lines = place.call("Glob", pattern="*.txt").text.splitlines()
    assert len(lines) == 101
    assert "20 more" in lines[-1]


@settings(deadline=None)
@given(st.text(alphabet="*?[]{}!,/.ab\\^-", max_size=14), st.text(alphabet="ab/.", max_size=8))
def test_any_glob_is_answered(pattern: str, path: str) -> None:
    try:
        _inside.glob_regex(pattern).fullmatch(path)
    except _inside.Refused:
        assert set(pattern) & set("[{")


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"pattern": "needle"}, ["/workspace/app/main.py", "/workspace/app/api/rooms.py"]),
        ({"pattern": "needle", "-i": True, "glob": "*.md"}, ["/workspace/README.md"]),
        ({"pattern": "needle", "type": "md"}, ["No matches found"]),
        ({"pattern": "Needle", "output_mode": "count"}, ["/workspace/README.md:1", "/workspace/app/main.py:1"]),
        ({"pattern": "^needle", "output_mode": "content"}, ["/workspace/app/api/rooms.py:2:needle = 1"]),
        ({"pattern": "^needle", "output_mode": "content", "-n": False}, ["/workspace/app/api/rooms.py:needle = 1"]),
        (
            {"pattern": "^needle", "output_mode": "content", "-B": 1},
            ["/workspace/app/api/rooms.py-1-# rooms", "/workspace/app/api/rooms.py:2:needle = 1"],
        ),
        (
            {
                "pattern": r"Needle\(\):\n.*return",
                "multiline": True,
                "output_mode": "content",
                "path": "/workspace/app",
            },
            ["/workspace/app/main.py:4:def Needle():", "/workspace/app/main.py:5:    return 'needle'"],
        ),
        ({"pattern": "# rooms", "path": "/workspace/app/api/rooms.py"}, ["/workspace/app/api/rooms.py"]),
    ],
)
def test_grep(place: Place, given: dict[str, Any], lines: list[str]) -> None:
    answer = place.call("Grep", **given)
    assert not answer.is_error
    assert answer.text.splitlines() == lines


def test_grep_limits_its_answer_and_says_so(place: Place) -> None:
    (place.root / "many").write_text("hit\n" * 400)
    answer = place.call("Grep", pattern="hit", output_mode="content", head_limit=10)
    assert len(answer.text.splitlines()) == 11
    assert "390 more lines" in answer.text


@pytest.mark.parametrize("given", [{"pattern": "("}, {"pattern": "x", "path": "/workspace/nowhere"}])
def test_grep_answers_what_it_cannot_search(place: Place, given: dict[str, Any]) -> None:
    assert place.call("Grep", **given).is_error


def test_names_that_are_no_text_are_shown(place: Place) -> None:
    with open(bytes(place.root) + b"/caf\xe9.py", "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(b"needle")
    assert "/workspace/caf�.py" in place.call("Glob", pattern="*.py").text
    assert "/workspace/caf�.py" in place.call("Grep", pattern="needle").text


def test_an_endless_search_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a" * 40)
    made, _ = assignment(LocalSandbox(tmp_path), deadline=Deadline(1.0))
    answer = Toolbox(made).call("Grep", {"pattern": "(a+)+b"}, 1)
    assert answer.seconds < 6
    assert answer.is_error
    assert "took too long" in answer.text


# --- Bash ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "text", "code"),
    [
        ("echo out; echo err >&2; echo more", "out\nerr\nmore", 0),
        ("true", "(no output)", 0),
        ("pwd", "/workspace", 0),
        ("echo said; exit 7", "Exit code 7\nsaid", 7),
        ("false", "Exit code 1", 1),
        ("grep needle <<'EOF' # a comment\nneedle 'quoted\"\nEOF", "needle 'quoted\"", 0),
        ("set -eu; x=1; test $x = 2; echo not reached", "Exit code 1", 1),
        ("printf 'caf\\351'", "caf�", 0),
        ('read line; echo "<$line>"', "<>", 0),
    ],
)
def test_bash(place: Place, command: str, text: str, code: int) -> None:
    answer = place.bash(command)
    assert (answer.text, answer.exit_code, answer.is_error) == (text, code, code != 0)


@pytest.mark.parametrize("command", ["echo a\0b", "echo " + "é" * 60_000])
def test_a_command_that_no_system_takes_is_an_answer(place: Place, command: str) -> None:
    assert place.bash(command).is_error
    assert place.bash(command, run_in_background=True).is_error


def test_a_syntax_error_is_an_answer(place: Place) -> None:
    answer = place.bash("if then (")
    assert answer.is_error
    assert "syntax error" in answer.text


def test_the_working_directory_is_kept_and_other_state_is_not(place: Place) -> None:
    place.bash("cd app/api && export LEFT=1")
    assert place.bash('pwd; echo "[${LEFT:-}]"').text == "/workspace/app/api\n[]"
    place.bash("cd .. ; exit 3")
    assert place.bash("pwd").text == "/workspace/app"


def test_the_working_directory_stays_in_the_workspace(place: Place) -> None:
    place.bash("cd app")
    assert place.bash("cd /; pwd").text == "/\nShell cwd was reset to /workspace"
    assert place.bash("pwd").text == "/workspace"


def test_a_working_directory_that_is_gone_is_no_problem(place: Place) -> None:
    place.bash("mkdir gone && cd gone")
    place.bash("rmdir /workspace/gone")
    assert place.bash("pwd").text == "/workspace"


def test_the_exit_status_is_the_commands_own(place: Place) -> None:
    assert place.bash("cd /; exit 5").exit_code == 5


def test_long_output_keeps_head_and_tail_around_a_mark(place: Place) -> None:
    answer = place.bash("echo first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last")
    assert answer.truncated
    assert answer.text.startswith("first\nxxx")
    assert answer.text.endswith("xxx\nlast")
    assert f"[{100_011 - OUTPUT} characters left out]" in answer.text


def test_output_that_the_sandbox_dropped_is_told(place: Place) -> None:
    answer = place.bash("head -c 1500000 /dev/zero | tr '\\0' x")
    assert answer.truncated
    assert answer.text.endswith("... (too much output: 500000 bytes of it were dropped)")


def test_a_command_is_killed_at_its_time_limit(place: Place) -> None:
    began = time.monotonic()
    answer = place.bash("echo begun; sleep 30", timeout=500)
    assert time.monotonic() - began < 10
    assert (answer.is_error, answer.exit_code) == (True, None)
    assert answer.text.startswith("Command timed out")
    assert answer.text.endswith("begun")


def test_no_time_limit_is_longer_than_the_agents_own(place: Place) -> None:
    made, _ = assignment(place.sandbox, limits=Limits(command_s=0.5))
    answer = Toolbox(made).call("Bash", {"command": "sleep 30", "timeout": 60_000}, 1)
    assert "timed out" in answer.text


def test_a_command_in_the_background_writes_to_the_file_that_is_named(place: Place) -> None:
    answer = place.bash("pwd; echo from behind", run_in_background=True)
    assert "/tmp/background-1.log" in answer.text
    (process,) = place.sandbox.started
    process.wait(10)
    assert Path(f"{place.root}.background-1.log").read_text().splitlines()[1:] == ["from behind"]
    assert "/tmp/background-2.log" in place.bash("true", run_in_background=True).text


# --- the program inside ----------------------------------------------------------------------------------------------


def test_an_answer_that_is_not_the_programs_is_an_error(place: Place) -> None:
    fake = place.root / "python3"
    fake.write_text("#!/bin/sh\necho '{\"text\": 5}'\n")
    fake.chmod(0o755)
    made, _ = assignment(place.sandbox, env={"PATH": f"{place.root}:{os.environ['PATH']}"})
    answer = Toolbox(made).call("Read", {"file_path": "README.md"}, 1)
    assert answer.is_error
    assert answer.text.startswith("Read failed")


def test_the_program_needs_the_standard_library_only() -> None:
    source = Path(_inside.__file__).read_text()
    request = {"tool": "Glob", "input": {"pattern": "/nothing", "path": None}, "cwd": "/nowhere"}
    program = f"{source}\nmain({request!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=program.encode(), capture_output=True, env={}, check=True
    )
    assert json.loads(done.stdout) == {
        "text": "Directory does not exist: /nowhere",
        "is_error": True,
        "truncated": False,
    }


def test_reading_and_writing_import_nothing_that_an_interpreter_has_not_loaded_anyway() -> None:
    source = Path(_inside.__file__).read_text()
    request = {"tool": "Read", "input": {"file_path": "x", "offset": None, "limit": None}, "cwd": "/nowhere"}
    told = "import sys\nprint(sorted({'re', 'json', 'pathlib', 'typing'} & set(sys.modules)))"
    program = f"{source}\nmain({request!r})\n{told}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=program.encode(), capture_output=True, env={}, check=True
    )
    assert done.stdout.splitlines()[1] == b"[]"


@pytest.mark.parametrize("name", ["./new.txt", "app//./new.txt", "/workspace/./app/new.txt", "app/../new.txt"])
def test_a_path_is_told_as_pathlib_would(name: str) -> None:
    assert _inside._path("/workspace", name) == str(Path("/workspace", name))
