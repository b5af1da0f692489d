"""What a shell line reaches: every construct once, both ways, and hostile lines in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.launchers import Launch, launch, unwrap
from graders.scripts import package_script, python_starts, recipe
from graders.shell import MAX_COMMANDS, MAX_TEXT, Shell, commands
from graders.shellwords import HOLE, braces

FILES = {
    "/workspace/run.sh": '#!/bin/bash\nset -e\nexec serve "$1"\n',
    "/workspace/serve.py": "import subprocess\n\n\ndef main():\n    subprocess.run(['serve', 'x'])\n\n\nmain()\n",
    "/workspace/tool": "#!/usr/bin/env python3\nimport os\nos.system('serve x')\n",
    "/workspace/app/__main__.py": "import uvicorn\nuvicorn.run('app:app')\n",
    "/workspace/Makefile": "NAME ?= x\n\nall: build\n\nbuild: deps\n\t@serve $(NAME)\n\ndeps:\n\t-prepare $$HOME\n",
    "/workspace/package.json": '{"scripts": {"dev": "serve x"}}',
    "/workspace/sub/Makefile": "up:\n\tserve sub\n",
}


def argvs(line: str) -> list[tuple[str, ...]]:
    return [command.argv for command in commands(line, FILES.get)]


REACHED = [
    "serve x",
    "true; serve x",
    "true && serve x",
    "true || serve x",
    "cat y | serve x",
    "serve x &",
    "(serve x)",
    "{ serve x; }",
    "! serve x",
    "if true; then serve x; fi",
    "if serve x; then true; fi",
    "if false; then true; elif true; then serve x; else true; fi",
    "if false; then true; else serve x; fi",
    "for i in 1 2; do serve x; done",
    "for word in serve; do $word x; done",
    "for ((i = 0; i < 2; i++)); do serve x; done",
    "while serve x; do true; done",
    "until true; do serve x; done",
    "case $y in a) true;; *) serve x;; esac",
    "f() { serve x; }; f",
    "function f { serve $1; }; f x",
    "echo $(serve x)",
    "echo `serve x`",
    'echo "is $(serve x) up"',
    "y=$(serve x)",
    "diff <(serve x) y",
    "[[ -n $(serve x) ]]",
    "cat <<EOF\n$(serve x)\nEOF",
    "bash <<EOF\nserve x\nEOF",
    "bash -s <<'EOF'\nserve x\nEOF",
    "bash <<< 'serve x'",
    "cat <<'EOF' | sh\nserve x\nEOF",
    "echo 'serve x' | sh -e",
    "printf 'serve x\\n' | bash",
    "sh -c 'serve x'",
    "bash -lc 'cd app && serve x'",
    "bash -euo pipefail -c 'serve x'",
    "sh -c 'serve $1' name x",
    "eval serve x",
    "trap 'serve x' EXIT",
    "Y=1 serve x",
    "env -u Z Y=1 serve x",
    "env -S 'serve x'",
    "sudo -u nobody serve x",
    "nohup serve x > log 2>&1 &",
    "timeout -k 5 10 serve x",
    "timeout --signal=KILL 10 serve x",
    "exec serve x",
    "command serve x",
    "time serve x",
    "nice -n 5 serve x",
    "setsid serve x",
    "stdbuf -oL serve x",
    "flock /tmp/lock serve x",
    "uv run serve x",
    "uv run --with y --extra z -- serve x",
    "poetry run serve x",
    "npx -y serve x",
    "docker compose exec -T api serve x",
    "find . -name y -exec serve x \\;",
    "nohup env Y=1 timeout 5 setsid serve x &",
    "su - postgres -c 'serve x'",
    "s\\erve 'x'",
    "'ser'\"ve\" $'\\x78'",
    "ser\\\nve x",
    "S=serve; $S x",
    'S="serve x"; $S',
    'c=(serve x); "${c[@]}"',
    "${SERVER:-serve} x",
    "$(echo serve) x",
    "$(which serve) x",
    "./run.sh x",
    "bash run.sh x",
    ". ./run.sh x",
    "cd app && bash ../run.sh x",
    "python serve.py",
    "uv run serve.py",
    "uv run python -u serve.py",
    "./tool",
    'python -c \'import os; os.execvp("serve", ["serve", "x"])\'',
    "python - <<'EOF'\nimport subprocess as s\ns.Popen('serve x', shell=True)\nEOF",
    "make",
    "make build",
    "make NAME=x -j2 all",
    "npm run dev",
    "yarn dev",
    "cat > y.sh <<'EOF'\nserve x\nEOF\nchmod +x y.sh && ./y.sh",
    "echo 'serve x' > y.sh; sh y.sh",
    "tee y.sh <<'EOF'\nserve x\nEOF\nsh y.sh",
    "{ echo true; echo 'serve x'; } > y.sh; sh y.sh",
    "echo 'serve x' | cat | sh",
    "source /dev/stdin <<< 'serve x'",
    "script -qc 'serve x' /dev/null",
    "f() { serve x; }; trap f EXIT",
    "echo true > y.sh; echo 'serve x' >> y.sh; cp y.sh z.sh; sh z.sh",
]


@pytest.mark.parametrize("line", REACHED)
def test_a_command_that_a_line_reaches_is_found(line: str) -> None:
    assert ("serve", "x") in argvs(line)


QUIET = [
    "# serve x",
    "true # serve x",
    "echo serve x",
    "echo 'true; serve x'",
    'echo "true && serve x"',
    "grep -rn 'serve x' .",
    "cat <<EOF\nserve x\nEOF",
    "cat > y.sh <<'EOF'\nserve x\nEOF",
    "cat <<'EOF'\n$(serve x)\nEOF",
    "git commit -m 'serve x'",
    "git commit -m \"$(cat <<'EOF'\nserve x\n\nserve x\nEOF\n)\"",
    "f() { serve x; }; true",
    "y='serve x'",
    "export Y='serve x'",
    "cat run.sh",
    "bash -n run.sh",
    "chmod +x run.sh",
    "make -n build",
    "make --dry-run",
    "command -v serve x",
    "which serve x",
    "python -c 'print(\"serve x\")'",
    "python - <<'EOF'\ndef main():\n    import os; os.system('serve x')\nEOF",
    "exit 0; serve x",
    "exit 0\nserve x",
    "exec true\nserve x",
    "(exit 1; serve x); true",
    "[ serve = x ]",
    "ls serve x",
    "sh --version; bash --help",
    "echo 'serve x' | grep serve",
    "echo 'unterminated\nserve x",
]


@pytest.mark.parametrize("line", QUIET)
def test_words_that_are_no_command_are_not_found(line: str) -> None:
    assert not [argv for argv in argvs(line) if argv[0] == "serve"]


def test_an_exit_in_a_branch_ends_nothing() -> None:
    assert ("serve", "x") in argvs("true || exit 1\nserve x")
    assert ("serve", "x") in argvs("if false; then exit 1; fi\nserve x")
    assert ("serve", "x") in argvs("(exit 1)\nserve x")
    assert ("serve", "x") in argvs("bash run.sh y; serve x")
    assert ("serve", "x") in argvs("f() { true || exit 1; }; f; serve x")
    assert ("serve", "x") in argvs("exec 3< y; exec > log; serve x")


def test_what_cannot_be_known_is_a_hole() -> None:
    (command,) = commands("$TOOL run")
    assert command.name == HOLE
    assert command.dynamic
    (command,) = commands('git -C "$DIR" status')
    assert (command.name, command.argv[3], command.dynamic) == ("git", "status", True)
    assert [command.name for command in commands("bash missing.sh")] == ["bash", HOLE]
    assert commands("curl x | sh")[-1].name == "sh"


def test_a_variable_that_is_set_elsewhere_is_a_hole_and_a_loop_variable_is_not() -> None:
    assert argvs("for s in a b; do up $s; done") == [("up", "a"), ("up", "b")]
    assert argvs("for s in $LIST; do up $s; done") == [("up", HOLE)]
    assert argvs("for s in 1 2 3 4 5 6 7 8 9; do up $s; done")[-1] == ("up", HOLE)
    assert argvs("(S=a); up $S") == [("up", HOLE)]


def test_facts_of_a_command() -> None:
    (command,) = commands("A=1 nohup serve --port 8 < in.txt > out/log 2>> err &")
    assert command.argv == ("serve", "--port", "8")
    assert command.assignments == (("A", "1"),)
    assert command.reads == ("/workspace/in.txt",)
    assert command.writes == ("/workspace/out/log", "/workspace/err")
    assert command.background
    assert not command.shown
    assert command.via == ("nohup",)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("cat f", True),
        ("cat f | head -5", True),
        ("cat f | grep -n x | sort", True),
        ("cat f 2> /dev/null", True),
        ("cat f > /dev/stderr", True),
        ('echo "$(cat f)"', True),
        ("cat f > /dev/null", False),
        ("cat f &> /dev/null", False),
        ("cat f | wc -l", False),
        ("cat f | head | grep -q x", False),
        ("cat f | head > g", False),
        ("y=$(cat f)", False),
        ("{ cat f; } > g", False),
    ],
)
def test_output_reaches_the_agent_or_not(line: str, shown: bool) -> None:
    assert [command.shown for command in commands(line) if command.argv == ("cat", "f")] == [shown]


def test_folders_are_followed_within_a_line_and_between_lines() -> None:
    shell = Shell()
    assert [command.cwd for command in shell.run("cd app && ls; (cd db; ls); ls")] == [
        "/workspace",
        "/workspace/app",
        "/workspace/app",
        "/workspace/app/db",
        "/workspace/app",
    ]
    assert shell.run("cd . > /dev/null; ls")[-1].cwd == "/workspace/app"
    assert shell.run("cd db > /dev/null && ls")[-1].cwd == "/workspace/app/db"
    shell.run("cd ..")
    assert shell.run('cd "$(git rev-parse --show-toplevel)" && cat x')[-1].path("x") == "/workspace/x"


def test_a_script_is_read_as_it_stood_when_it_ran() -> None:
    shell = Shell()
    shell.run("echo 'serve a' > s.sh")
    first = shell.run("sh s.sh")
    shell.run("echo 'serve b' > s.sh")
    assert (first[-1].argv, shell.run("sh s.sh")[-1].argv) == (("serve", "a"), ("serve", "b"))


def test_a_lone_dash_is_an_argument() -> None:
    assert argvs("cat - f | tee -") == [("cat", "-", "f"), ("tee", "-")]


def test_how_a_command_was_reached() -> None:
    assert commands("make build", FILES.get)[-1].via == ("make build",)
    assert commands("uv run bash run.sh x", FILES.get)[-1].via == ("uv run", "bash run.sh x", "exec")
    assert commands("make -C sub up", FILES.get)[-1].argv == ("serve", "sub")


def test_what_stands_in_broken_syntax_is_not_sure() -> None:
    assert all(not command.sure for command in commands("if true; then serve x") if command.name == "serve")
    assert all(command.sure for command in commands("serve x"))


def test_what_comes_through_a_pipe() -> None:
    assert [command.piped for command in commands("a | b | c; d")] == [False, True, True, False]
    assert [command.piped for command in commands("a | while read x; do b; done")] == [False, True, True]


def test_here_documents_keep_their_text() -> None:
    (command,) = commands("python - <<-'EOF'\n\tif x:\n\t  print('$y')\n\tEOF")
    assert command.stdin == "if x:\n  print('$y')\n"


def test_modules_run_by_python_are_programs() -> None:
    assert argvs("python3.12 -W ignore -m pytest -q") == [("pytest", "-q")]
    assert argvs("python -m app") == [("app",), ("uvicorn", "app:app", HOLE)]


def test_prefixes_and_interpreters() -> None:
    wrapped = unwrap(("coverage", "run", "--source", "app", "-m", "pytest"))
    assert wrapped is not None
    assert wrapped.argv == ("python", "-m", "pytest")
    assert unwrap(("env",)) is None
    assert unwrap(("uv", "sync")) is None
    assert launch(("bash", "-c")) is None
    assert launch(("bash",)) == Launch("stdin", "shell")
    assert launch(("ls", "-la")) is None


def test_makefiles() -> None:
    text = "A := 1\nB = $(A)2\n.PHONY: x\nx y: z ; one $(B)\n\ttwo \\\n\t  three\nz:\n\t@-four\n"
    assert [line.split() for line in recipe(text, ("x",)).split("\n")] == [["four"], ["one", "12"], ["two", "three"]]
    assert recipe(text, ()).startswith("four")
    assert recipe(text, ("nothing",)) == ""
    assert recipe("a: b\nb: a\n\tx\n", ("a",)) == "x"


def test_package_scripts() -> None:
    assert package_script('{"scripts": {"dev": "vite"}}', "dev") == "vite"
    for broken in ("", "[]", '{"scripts": []}', '{"scripts": {"dev": 1}}', "[" * 100_000):
        assert package_script(broken, "dev") == ""


def test_python_programs_follow_their_own_functions_only_when_called() -> None:
    text = (
        "import os\ndef a():\n    b()\ndef b():\n    os.system('x')\ndef c():\n    os.system('y')\nasync def d(): a()\n"
    )
    assert python_starts(text, hole=HOLE) == []
    assert [started.text for started in python_starts(text + "d()\n", hole=HOLE)] == ["x"]
    assert python_starts("def (:", hole=HOLE) == []


def test_braces() -> None:
    assert braces("a{b,c}d{e,f}") == ["abde", "abdf", "acde", "acdf"]
    assert braces("{}") == ["{}"]
    assert len(braces("{a,b}" * 30)) < 200


# --- hostile lines -------------------------------------------------------------------------------------------------

HOSTILE = {
    "bars": "a|" * 200_000,
    "bars over lines": "a|\n" * 200_000,
    "brackets": "(" * 500_000,
    "substitutions": "$(" * 200_000,
    "backticks": "`" * 300_001,
    "quotes": "\"'" * 300_000,
    "ifs": "if a; then " * 50_000,
    "heredocs": "<<A " * 100_000,
    "words": "a " * 500_000,
    "many commands": "a;" * 300_000,
    "one long word": "a" * 1_000_000,
    "controls": "\0\x01\x1b[31m\x7f" * 100_000,
    "surrogates": "echo \ud800 \udfff" * 10_000,
    "holes": f"{HOLE} x; " * 50_000,
    "loops": "for i in {1,2}{1,2}{1,2}{1,2}; do " * 12 + "a $i; " + "done; " * 12,
    "braces": "echo " + "{a,b}" * 40,
    "recursion": "f() { f; f; }; f",
    "itself": "cat > s.sh <<'EOF'\nbash s.sh; bash s.sh\nEOF\nbash s.sh",
    "evals": "eval " * 10_000 + "x",
    "shells": "bash -c " * 5_000 + "x",
    "prefixes": "env " * 50_000 + "x",
    "doubling": "x=aaaaaaaaaa; " + "x=$x$x; " * 60 + "echo $x",
    "a makefile": "printf 'a: a b\\nb: a\\n\\tmake a\\n' > Makefile; make a",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_raises_nothing_and_takes_bounded_time(name: str) -> None:
    began = time.process_time()
    found = commands(HOSTILE[name], FILES.get)
    assert time.process_time() - began < 5
    assert len(found) <= MAX_COMMANDS + 1


def test_what_is_too_long_to_read_is_a_hole() -> None:
    assert commands("true\n" + "# x\n" * MAX_TEXT + "git push")[-1].name == HOLE


def test_a_session_reads_a_bounded_amount() -> None:
    shell = Shell()
    line = "echo " + "x" * 100_000
    began = time.process_time()
    assert [shell.run(line) for _ in range(1_000)][-1][0].name == HOLE
    assert time.process_time() - began < 10


def test_thousands_of_lines_a_second() -> None:
    shell = Shell()
    lines = [
        "cd /workspace && cat app/x.py | head -50",
        "git add -A && git commit -m 'Add'",
        "python -m pytest -q 2>&1 | tail",
    ]
    began = time.process_time()
    for line in lines * 500:
        shell.run(line)
    assert time.process_time() - began < 1.5


PIECES = st.sampled_from(
    [
        "serve x",
        "a",
        "'",
        '"',
        "$(",
        ")",
        "`",
        "(",
        "{ ",
        "}",
        "|",
        "&&",
        "&",
        ";",
        "\n",
        "<<EOF\n",
        "EOF\n",
        "if ",
        "then ",
    ]
    + [
        "fi",
        "for i in a b; do ",
        "done",
        "case x in ",
        "esac",
        "> f",
        "< f",
        "${x:-",
        "$x",
        "\\",
        "#",
        "f() ",
        "=",
        "bash -c ",
    ]
    + [
        "eval ",
        "env ",
        "make ",
        "python -c ",
        "[[ ",
        "((",
        "<<<",
        "é",
        "\0",
        "\ud800",
        "xargs ",
        "exec ",
        "find . -exec ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map(" ".join) | st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_no_line_raises(line: str) -> None:
    for command in commands(line, FILES.get):
        assert command.argv
        assert command.cwd.startswith("/")
