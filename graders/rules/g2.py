"""G2: commits carry the team's names; who or what typed them is nobody's business in the history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from graders.rulekit import START, Example, Ruling, bash, case, commit, decide, not_applicable, task, unknown
from graders.toolcalls import clip, tampers_with_git
from harness.core.ports import Case
from harness.core.records import Commit, Finding, Outcome, Place, Severity, Source
from harness.core.task import Task

MAX_MESSAGE = 20_000
"""Characters of a message that are read."""

_TOOLS = r"(?:claude code|github copilot|cursor agent|codex cli|gemini cli)"
"""Names that mean nothing but a tool that writes code."""
_PRODUCTS = (
    r"(?:claude(?:[ -](?:code|ai|opus|sonnet|haiku|\d[\w.]*))*|chat-?gpt[\w.-]*|gpt-?\d[\w.-]*|open ?ai(?: codex)?"
    r"|anthropic|copilot|codex|cursor|aider|opencode|devin|windsurf|gemini(?:[ -](?:cli|pro|flash|\d[\w.]*))*"
    r"|(?:an? )?(?:ai|llm|language model)(?: (?:assistan\w+|agent|model|tools?|help))?|artificial intelligence"
    r"|a coding (?:agent|assistant))"
)
_CLAUSE_ENDS = r"(?=[ \t]*(?:$|[.,;:!)(\]\[<*_`]|and\b))"
"""What follows a name that ends its clause: `written by Claude.`, but not `written by Claude Martin`."""
_VERBS = (
    r"(?:generated|written|authored|created|implemented|produced|made|built|coded|drafted|developed|assisted)"
    r"(?:\s+\w+ly)?\s+(?:by|with|using|via|through)"
)
_ATTRIBUTION = re.compile(
    r"^[^\w\n]{0,20}(?:this (?:commit|change|code|patch|work) (?:was|is|has been) )?(?:co-|auto-?)?"
    rf"{_VERBS}[ \t]+(?:the[ \t]+)?\W{{0,5}}{_PRODUCTS}{_CLAUSE_ENDS}|\b(?:by|with|using|via)\s\W{{0,5}}{_TOOLS}\b",
    re.IGNORECASE | re.MULTILINE,
)
_LABELLED = re.compile(
    r"^[ \t]*(?:ai-(?:generated|assisted|assistant|authored|model|tool|agent)[\w-]*|claude-[\w-]+|generated-by-ai)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_CODE_BY = re.compile(
    r"\b(?:ai|llm)[- ](?:generated|assisted|written|authored) (?:code|commit|change|patch|implementation)\b"
    r"|\bas an ai\b|claude\.ai/code|claude\.com/claude-code|opencode\.ai|aider\.chat|cursor\.(?:com|sh)\b",
    re.IGNORECASE,
)
_TRAILER = re.compile(r"^[ \t]*[A-Za-z]+(?:-[A-Za-z]+)*-by:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_SUBJECT = re.compile(
    r"(?-i:\bAI\b|\bA\.I\.)|\b(?:chat-?gpt|gpt-?\d[\w.]*|openai|anthropic|llms?|(?:large )?language models?"
    r"|artificial intelligence|claude[- ](?:code|ai|opus|sonnet|haiku|\d)[\w.-]*|github copilot"
    r"|coding (?:agent|assistant))\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]+")
_NAME = re.compile(
    r"(?:chat-?gpt|gpt-?\d|open ?ai\b|codex\b|(?:github )?copilot\b|anthropic\b|aider$|opencode$|windsurf$"
    r"|claude[ -](?:code|ai|opus|sonnet|haiku|\d)|cursor(?: agent)?$|devin[ -]ai|gemini[ -](?:cli|pro|flash|code|\d)"
    r"|(?-i:AI)$|ai (?:assistant|agent|bot|model|coder)|(?:coding|code) (?:assistant|agent)$|claude\[bot\]"
    r"|.*\((?:aider|claude|ai)\)$)",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"(?:no-?reply|claude|codex|bot|agent)@(?:[\w-]+\.)*(?:anthropic|openai)\.com$|^cursoragent@|@aider\.chat$"
    r"|(?:^|\+)copilot@|devin-ai|gemini-code-assist|claude\[bot\]",
    re.IGNORECASE,
)
_FIRST_NAMES = frozenset({"claude", "devin", "gemini"})
"""Products that are named like people: alone they count only with a machine's address."""
_MACHINE = re.compile(r"^(?:no-?reply|ai|bot|agent|assistant|model)@|@(?:localhost|local|\w+)$|^$", re.IGNORECASE)


def _provider() -> Task:
    return task(wording={"ai_subject_allowed": True})


class G2:
    """No attribution to an AI anywhere in a commit; AI as the subject only where the task is about it."""

    demand: ClassVar[str] = "No AI is named in commits."
    section: ClassVar[str] = "Git Practices"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.BLOCKING
    evidence: ClassVar[tuple[str, ...]] = ("commits",)

    def judge(self, case: Case) -> Ruling:
        history = case.evidence.history
        if history is None:
            gone = tampers_with_git(case)
            return not_applicable("the agent removed the history") if gone else unknown("no commit can be read")
        if not history.commits:
            return not_applicable("no commit was made")
        allowed = case.task.file.wording.ai_subject_allowed
        findings = [finding for made in history.commits for finding in _judged(made, subject_allowed=allowed)]
        return decide(findings, opportunities=len(history.commits))

    examples: ClassVar[tuple[Example, ...]] = (
        Example("a plain message", case(*START, commits=(commit("Add rooms\n\nRooms can be listed."),)), Outcome.PASS),
        Example(
            "a trailer",
            case(*START, commits=(commit("Add rooms\n\nCo-Authored-By: Claude <noreply@anthropic.com>"),)),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "a line of advertisement",
            case(*START, commits=(commit("Add rooms\n\n🤖 Generated with [Claude Code](https://claude.ai/code)"),)),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "an author", case(*START, commits=(commit("Add rooms", author="ChatGPT <bot@example.org>"),)), Outcome.FAIL
        ),
        Example(
            "a committer",
            case(*START, commits=(commit("Add rooms", committer="GitHub Copilot <x@y.org>"),)),
            Outcome.FAIL,
        ),
        Example(
            "an author's tool",
            case(*START, commits=(commit("Add", author="Dana Roy (aider) <d@example.org>"),)),
            Outcome.FAIL,
        ),
        Example("names it as help", case(*START, commits=(commit("Add rooms (AI-assisted)"),)), Outcome.FAIL),
        Example("no commit", case(*START), Outcome.NOT_APPLICABLE, trap=True),
        Example(
            "names alike",
            case(
                *START,
                commits=(commit("Serve the OpenAPI schema\n\nImplemented with cursor pagination\nEmail, main, air."),),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a person's name",
            case(
                *START,
                commits=(
                    commit(
                        "Fix what Claude found\n\nWritten with Claude Martin\nReviewed-by: Claude Martin <cm@x.org>",
                        author="Claude <claude@example.org>",
                    ),
                ),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a first name with a machine's address",
            case(*START, commits=(commit("Add", author="Claude <noreply@x.org>"),)),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "a feature about a provider",
            case(
                *START,
                commits=(
                    commit("Stream answers of the LLM provider"),
                    commit("llm: cache summaries generated by GPT-4\n\nAI-generated summaries get a flag."),
                    commit("Add client\n\nBuilt with OpenAI streaming in mind, see https://docs.claude.com/api."),
                ),
                on=_provider(),
            ),
            Outcome.PASS,
            trap=True,
            opportunities=3,
        ),
        Example(
            "the subject where it is none",
            case(*START, commits=(commit("Add rooms for the AI"),)),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "attribution in a feature about a provider",
            case(*START, commits=(commit("Stream answers of the LLM\n\nGenerated with Claude Code"),), on=_provider()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "a label in a feature about a provider",
            case(*START, commits=(commit("Stream answers\n\nAI-Assistant: yes"),), on=_provider()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "a robot that is no AI",
            case(
                *START,
                commits=(
                    commit("Bump\n\nSigned-off-by: dependabot[bot] <s@github.com>\nHelped-by: Jo Roy <jo@openai.com>"),
                ),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "amended away before the end",
            case(*START, bash("git commit -m 'Generated with Claude Code'"), commits=(commit("Add rooms"),)),
            Outcome.PASS,
            trap=True,
        ),
    )


def _judged(made: Commit, *, subject_allowed: bool) -> Iterator[Finding]:
    """At most one finding a commit: it is one act."""
    message = made.message[:MAX_MESSAGE]
    named = next((text for text in (made.author, made.committer) if is_ai(text)), None)
    trailer = next((text for text in _TRAILER.findall(message) if is_ai(text)), None)
    match = _ATTRIBUTION.search(message) or _LABELLED.search(message) or _CODE_BY.search(message)
    subject = None if subject_allowed else _SUBJECT.search(_ADDRESS.sub("", message))
    if named is not None:
        yield _finding(made, "a commit's author or committer is an AI", named)
    elif trailer is not None or match is not None:
        yield _finding(made, "a commit is attributed to an AI", trailer or (match[0] if match else ""))
    elif subject is not None:
        yield _finding(made, "a commit names AI", subject[0])


def is_ai(identity: str) -> bool:
    """Whether `Name <mail>` is an AI's; a person with a product's name is a person."""
    name, _, rest = identity.partition("<")
    name, mail = " ".join(name.split()), rest.partition(">")[0].strip()
    if _NAME.match(name) or _MAIL.search(mail):
        return True
    return name.casefold() in _FIRST_NAMES and bool(_MACHINE.search(mail))


def _finding(made: Commit, message: str, quote: str) -> Finding:
    return Finding(message=message, place=Place(commit=made.id), act=f"commit:{made.id}", quote=clip(quote.strip()))
