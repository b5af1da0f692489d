"""P1: the contract comes before everything else, or the work starts from guesses."""

from __future__ import annotations

from typing import ClassVar

from graders.rulekit import Example, Ruling, bash, batch, case, edit, failed, passed, read, say, tool, unknown, write
from graders.toolcalls import acts, documents_of, reads, touches
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source

_CONTRACT = ".claude/sprint/7/api-contract.md"
_SPECS = ".claude/sprint/7/backend-specs.md"


class P1:
    """The first call that works on the workspace prints the contract, by whatever tool."""

    demand: ClassVar[str] = "The first action reads the API contract."
    section: ClassVar[str] = "CRITICAL: API Contract Protocol (READ FIRST)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("transcript",)

    def judge(self, case: Case) -> Ruling:
        if not case.evidence.transcript.complete:
            return unknown("events of the transcript are lost")
        contract, _ = documents_of(case)
        first = next((act for act in acts(case) if act.done and (touches(act, case) or reads(act, contract))), None)
        if first is None:
            return failed(Finding(message="the contract was never read"))
        if reads(first, contract):
            return passed()
        return failed(first.finding(f"the first action is not to read {contract.path}", quote=first.call.name))

    examples: ClassVar[tuple[Example, ...]] = (
        Example("reads the contract first", case(read(_CONTRACT), read(_SPECS), write("app/items.py")), Outcome.PASS),
        Example("edits first", case(edit("app/items.py", "a", "b"), read(_CONTRACT)), Outcome.FAIL, findings=1),
        Example("reads the specs first", case(read(_SPECS), read(_CONTRACT)), Outcome.FAIL, findings=1),
        Example("does nothing", case(), Outcome.FAIL),
        Example("reads it through the shell", case(bash(f"cat {_CONTRACT}"), read(_SPECS)), Outcome.PASS, trap=True),
        Example(
            "changes folder first", case(bash("cd .claude/sprint/7 && sed -n '1,200p' *.md")), Outcome.PASS, trap=True
        ),
        Example(
            "keeps a folder between calls",
            case(bash("cd .claude/sprint/7 && pwd"), bash("head -100 api-contract.md")),
            Outcome.PASS,
            trap=True,
        ),
        Example("first of a parallel batch", case(batch(read(_CONTRACT), read(_SPECS))), Outcome.PASS, trap=True),
        Example("second of a parallel batch", case(batch(read(_SPECS), read(_CONTRACT))), Outcome.FAIL, trap=True),
        Example(
            "a list of things to do is no action",
            case(tool("TodoWrite", todos=[]), tool("ToolSearch", query="read"), read(_CONTRACT)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "narrates and asks for the time first",
            case(say("I begin with the contract.", bash("pwd; date; python --version")), read(_CONTRACT)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a call in error does not count",
            case(read("app/none.py", error=True), read(_CONTRACT)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an error is not reading", case(read(_CONTRACT, error=True), read("app/items.py")), Outcome.FAIL, trap=True
        ),
        Example(
            "another folder is not the workspace",
            case(bash("ls /opt/wheelhouse"), read(_CONTRACT)),
            Outcome.PASS,
            trap=True,
        ),
        Example("git counts as touching", case(bash("git status"), read(_CONTRACT)), Outcome.FAIL, trap=True),
        Example("a listing counts as touching", case(bash("ls -la"), read(_CONTRACT)), Outcome.FAIL, trap=True),
        Example(
            "prints nothing of it", case(bash(f"cat {_CONTRACT} > /dev/null"), read(_SPECS)), Outcome.FAIL, trap=True
        ),
        Example(
            "only counts its lines", case(bash(f"wc -l {_CONTRACT}; cat {_CONTRACT} | wc -l")), Outcome.FAIL, trap=True
        ),
        Example(
            "only searches it", case(bash(f"grep -c POST {_CONTRACT}; grep -lr POST .claude")), Outcome.FAIL, trap=True
        ),
        Example("prints a part of it", case(bash(f"grep -n '' {_CONTRACT} | head -3")), Outcome.PASS, trap=True),
        Example(
            "looks at its surroundings first",
            case(
                bash("env | grep -i database; ps aux | head; pip list | grep -i fastapi; uv pip list; node -v"),
                bash("ls ~ $HOME /opt; psql -c '\\dt' | tail -3; cat /etc/os-release"),
                read(_CONTRACT),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "looks at the code through a pipe",
            case(bash("date | cat - app/items.py"), read(_CONTRACT)),
            Outcome.FAIL,
            trap=True,
        ),
        Example("only names it", case(bash(f"echo reading {_CONTRACT}"), bash("ls app")), Outcome.FAIL, trap=True),
        Example("a redirection reads", case(bash(f"cat < {_CONTRACT}")), Outcome.PASS, trap=True),
        Example(
            "a loop reads", case(bash(f'while read -r l; do echo "$l"; done < {_CONTRACT}')), Outcome.PASS, trap=True
        ),
        Example(
            "a program reads", case(bash(f"python -c \"print(open('{_CONTRACT}').read())\"")), Outcome.PASS, trap=True
        ),
        Example(
            "a search that prints it",
            case(bash("find .claude -name '*.md' -exec cat {} +", "- [C-01] `GET /items` lists items.\n")),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a search that prints something else",
            case(bash("find .claude -name 'project-map.md' -exec cat {} +", "# Project map\n")),
            Outcome.FAIL,
            trap=True,
        ),
    )
