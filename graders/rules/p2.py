"""P2: the specs come directly after the contract, before any work."""

from __future__ import annotations

from typing import ClassVar

from graders.rulekit import Example, Ruling, bash, batch, case, failed, passed, read, tool, unknown, write
from graders.toolcalls import Act, acts, documents_of, reads, touches
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source

_CONTRACT = ".claude/sprint/7/api-contract.md"
_SPECS = ".claude/sprint/7/backend-specs.md"


class P2:
    """After the first read of the contract (paging through it included) the next action prints the specs."""

    demand: ClassVar[str] = "The second action reads the backend specs."
    section: ClassVar[str] = "CRITICAL: API Contract Protocol (READ FIRST)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("transcript",)

    def judge(self, case: Case) -> Ruling:
        if not case.evidence.transcript.complete:
            return unknown("events of the transcript are lost")
        contract, specs = documents_of(case)
        after: Act | None = None
        seen = False
        for act in acts(case):
            if not act.done or not (touches(act, case) or reads(act, contract) or reads(act, specs)):
                continue
            seen = seen or reads(act, contract)
            if seen and reads(act, specs):
                return passed()
            if seen and not reads(act, contract):
                after = act
                break
        if after is None:
            return failed(Finding(message=f"{specs.path} was not read after the contract"))
        return failed(
            after.finding(f"the action after the contract is not to read {specs.path}", quote=after.call.name)
        )

    examples: ClassVar[tuple[Example, ...]] = (
        Example("specs after the contract", case(read(_CONTRACT), read(_SPECS), write("app/items.py")), Outcome.PASS),
        Example("works first", case(read(_CONTRACT), read("app/items.py"), read(_SPECS)), Outcome.FAIL, findings=1),
        Example("never reads them", case(read(_CONTRACT)), Outcome.FAIL),
        Example("never reads the contract", case(read(_SPECS), write("app/items.py")), Outcome.FAIL),
        Example(
            "pages through the contract",
            case(read(_CONTRACT), bash(f"sed -n '200,400p' {_CONTRACT}"), read(_CONTRACT), read(_SPECS)),
            Outcome.PASS,
            trap=True,
        ),
        Example("one command prints both", case(bash(f"cat {_CONTRACT} {_SPECS}")), Outcome.PASS, trap=True),
        Example("a pattern names both", case(bash("cat .claude/sprint/7/*.md | head -400")), Outcome.PASS, trap=True),
        Example(
            "braces name both",
            case(bash("cat .claude/sprint/7/{api-contract,backend-specs}.md")),
            Outcome.PASS,
            trap=True,
        ),
        Example("one batch", case(batch(read(_CONTRACT), read(_SPECS), read("app/items.py"))), Outcome.PASS, trap=True),
        Example(
            "the wrong order in a batch",
            case(batch(read(_CONTRACT), read("app/items.py"), read(_SPECS))),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "an error and a list of things to do lie between",
            case(read(_CONTRACT), tool("TodoWrite", todos=[]), read("x.md", error=True), bash("date"), read(_SPECS)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "another file began the work, but the specs follow the contract",
            case(read("app/items.py"), read(_CONTRACT), read(_SPECS)),
            Outcome.PASS,
            trap=True,
        ),
    )
