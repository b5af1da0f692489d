"""The implementation report as a typed model: read leniently, so that its form can be judged strictly elsewhere.

The parser keeps every fact that a check of the form needs (raw titles, raw labels, order, lines) and decides nothing.
Block structure comes from a CommonMark parser, so a heading inside a fence or an HTML comment is no heading; texts are
kept as Markdown source, because inline parsing would turn `app/__init__.py` into another path. A reply is an agent's
to write: its size is capped before it is parsed, and nothing in it raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

HEADING = "BACKEND IMPLEMENTATION REPORT"
SECTIONS = ("CONFORMITY STATUS", "DEVIATIONS", "FILES CHANGED", "ISSUES FOUND")
LABELS = ("Endpoint", "File", "Deviation", "Justification", "Recommendation")
MAX_CHARS = 100_000
MAX_LINES = 4_000
MAX_LINE = 10_000
MAX_INLINE = 1_000

_METHODS = "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|WEBSOCKET"
_ENDPOINTS = re.compile(
    rf"\b(?P<methods>(?:{_METHODS})(?:\s*[,/|&+]\s*(?:{_METHODS})){{0,6}})\s+(?P<route>/\S*)", re.IGNORECASE
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
_FORM = re.compile(r"YES\s*/\s*NO")
_BULLET = re.compile(r"^(?:[-*+]|\d{1,9}[.)])\s+")
_LABEL = re.compile(rf"(?P<open>\*{{1,3}}|_{{1,3}}|`)?\s*(?P<label>(?P<name>{'|'.join(LABELS)})s?)\s*", re.IGNORECASE)
_OTHER_LABEL = re.compile(r"\*\*(?P<label>[^*/]{1,40}?)\s*(?::\*\*|\*\*\s*:)\s*(?P<text>.*)")
_MISMATCH = re.compile(r"\b(?:spec|doc)[\s-]+mismatch")
_NOTHING = re.compile(r"^(?:none\b(?!\s+of\b)|no\b|n/a\b|nil\b|nothing\b|aucune?\b|[-–—]+$)", re.IGNORECASE)
_STATUS = re.compile(r"^\W*(?P<value>YES|NO)\W*$")
_STATUS_TITLE = re.compile(rf"^(?P<title>{SECTIONS[0]})\s*(?P<colon>:?)\s*(?P<raw>.*)$", re.IGNORECASE)
_TITLE = re.compile(rf"^(?P<title>{'|'.join(SECTIONS[1:])})\s*(?::\s*(?P<rest>.*))?$", re.IGNORECASE)
_HEAD = re.compile(
    r"(?:\*{1,3}|_{1,3}(?=[`\[]))?(?:`+\s*(?P<code>[^`]+?)\s*`+|\[(?P<link>[^\]]+)\]\([^)]*\)|(?P<bare>\S+))"
)
_ARROW = re.compile(r"[*_`\s]*(?:-{1,2}>|=>|→|⇒|➜|⟶)\s*")
_MOVED = re.compile(r"\b(?:renamed|moved)\s+(?P<way>from|to)\s+", re.IGNORECASE)
_AND = re.compile(r"\s*(?:,|&|\+|\band\b|\bet\b)\s*")
_FILE_NAME = re.compile(r"\.?[\w@+-]+(?:\.[\w@+-]+)*\.[A-Za-z]\w{1,11}|\.[a-z][\w-]+|[A-Z]\w*file")
_WORD = re.compile(r"`([^`]+)`|(\S+)")


@dataclass(frozen=True, order=True)
class Endpoint:
    """METHOD in capitals and a normal route: names in braces are equal, query and trailing slash are dropped."""

    method: str
    route: str

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


@dataclass(frozen=True)
class Heading:
    """A heading that announces the report."""

    text: str
    level: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Section:
    """A heading inside the report, in the order of the text."""

    title: str
    """As written, white space folded, inline marks removed."""
    level: int
    name: str | None
    """The section it can be read as, None for a further section."""
    exact: bool
    """The title is the demanded one, with or without colon."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Status:
    """What stands as the conformity status."""

    raw: str
    """As written, inline marks removed."""
    value: Literal["YES", "NO"] | None
    exact: bool
    """Exactly YES or NO, in the heading."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Field:
    """A labelled text of a deviation."""

    label: str
    """As written; `name` is the demanded label that it can be read as, empty for a further one."""
    name: str
    text: str
    """Markdown source on one line."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Deviation:
    """An entry under DEVIATIONS that is neither "None" nor a mismatch note; `text` is set where it has no labels."""

    fields: tuple[Field, ...] = ()
    text: str = ""
    line: int = field(default=0, compare=False)

    def get(self, name: str) -> Field | None:
        """The first field that reads as `name`."""
        return next((found for found in self.fields if found.name == name), None)

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the demanded fields, in the order of the text."""
        return tuple(found.name for found in self.fields if found.name)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Endpoints it names: in its Endpoint field, else anywhere in it."""
        named = self.get("Endpoint")
        return endpoints(named.text if named else " ".join([self.text, *(found.text for found in self.fields)]))


@dataclass(frozen=True)
class Text:
    """A note or an issue: Markdown source on one line."""

    text: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class ChangedFile:
    """An item under FILES CHANGED."""

    paths: tuple[str, ...]
    """What it names: one path, several, or (old, new) of a rename; none where no path can be read."""
    renamed: bool = False
    head: str = ""
    """What the item begins with, marks removed."""
    listed: bool = True
    """It is an item of a list."""
    under: str = ""
    """Folder named by the item around it."""
    line: int = field(default=0, compare=False)

    @property
    def begins(self) -> bool:
        """Whether it begins with what looks like a path."""
        return _begins(self.head)


_EXACT_SECTIONS = tuple(Section(f"{name}:", 3, name, True) for name in SECTIONS[1:])


@dataclass(frozen=True)
class Report:
    """One report. Defaults are the exact form; lines (from 1, in the reply) take no part in equality."""

    status: Status | None
    deviations: tuple[Deviation, ...] = ()
    notes: tuple[Text, ...] = ()
    """Notes of a spec mismatch or doc mismatch under DEVIATIONS: no deviations."""
    says_none: bool = True
    """The first block under DEVIATIONS equals None."""
    files: tuple[ChangedFile, ...] = ()
    says_no_files: bool = False
    """FILES CHANGED says in words that there is none."""
    issues: tuple[Text, ...] = ()
    headings: tuple[Heading, ...] = (Heading(HEADING, 2),)
    """Headings with the report's exact text at any level; where there is none, the nearest one."""
    sections: tuple[Section, ...] = ()
    divided: bool = True
    """A divider stands directly before FILES CHANGED."""
    dividers: tuple[int, ...] = field(default=(), compare=False)
    """Lines of all dividers in the report."""
    problems: tuple[str, ...] = ()
    """What kept the text from being read whole."""

    def section(self, name: str) -> Section | None:
        """The first section that reads as `name`."""
        return next((found for found in self.sections if found.name == name), None)


def exact_sections(status: Literal["YES", "NO"]) -> tuple[Section, ...]:
    """The sections of the exact form."""
    return (Section(f"{SECTIONS[0]}: {status}", 3, SECTIONS[0], True), *_EXACT_SECTIONS)


# --- small readers, shared with the checks -------------------------------------------------------------------------


def fold(text: str) -> str:
    """Every run of Unicode white space as one space, none at the ends."""
    return " ".join(text.split())


def plain(source: str) -> str:
    """Inline Markdown as a reader sees it: marks removed, white space folded, at most `MAX_INLINE` characters."""
    tokens = _inline_parser().parseInline(source[:MAX_INLINE])
    return fold("".join(_visible(child) for token in tokens for child in token.children or []))


def normal_route(route: str) -> str:
    """The route with `{}` for every parameter, without query and trailing slash."""
    path = re.sub(r"\{[^{}]*\}", "{}", route.partition("?")[0].partition("#")[0])
    return path.rstrip("/") or "/"


def endpoints(text: str) -> tuple[Endpoint, ...]:
    """Endpoints named in Markdown source: `GET /a`, `POST|PUT /b`; each once, in order."""
    found: dict[Endpoint, None] = {}
    for match in _ENDPOINTS.finditer(re.sub(r"[`*]|\\(?=[_*{}])", " ", text) if "`" in text or "*" in text else text):
        route = normal_route(match["route"].rstrip(".,;:)]\"'"))
        for method in re.findall(_METHODS, match["methods"].upper()):
            found[Endpoint(method, route)] = None
    return tuple(found)


def path_like(token: str) -> bool:
    """Whether a token has the shape of a file's path: a file name with an extension, or a folder of known shape."""
    if "://" in token or not token or len(token) > 1_000:
        return False
    *folders, name = re.sub(r"\{[^{}]*\}", "x", token.replace("\\", "/")).split("/")
    if not name:
        return bool(folders[0]) or len(folders) > 1
    return _FILE_NAME.fullmatch(name) is not None or bool(folders and folders[0] in {".", ".."})


# --- parsing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """A leaf of the document: heading, text, code or divider."""

    kind: Literal["heading", "text", "code", "divider"]
    text: str
    """Markdown source; of a heading what a reader sees."""
    line: int
    depth: int = 0
    """Lists around it."""
    item: bool = False
    """It is the first block of a list item."""
    level: int = 0
    """Of a heading."""
    underlined: bool = False
    """A heading by a line of dashes under it."""


@dataclass
class _Unit:
    """A labelled line, or text without a label, under DEVIATIONS."""

    text: str
    line: int
    depth: int
    item: bool
    kind: str
    label: str = ""
    name: str = ""


def parse(reply: str) -> Report:
    """The report in a reply; a reply without one gives a model that says so."""
    text, problems = _bounded(reply)
    blocks = _document(text)
    headings, region = _region(blocks)
    sections, contents = _sections(region)
    status = _status(sections, contents)
    deviations, notes, says_none = _deviations(_content(sections, contents, "DEVIATIONS"))
    changed = _content(sections, contents, "FILES CHANGED")
    files = _files(changed)
    return Report(
        status=status,
        deviations=deviations,
        notes=notes,
        says_none=says_none,
        files=files,
        says_no_files=bool(changed) and not files and _NOTHING.match(plain(changed[0].text)) is not None,
        issues=_texts(_content(sections, contents, "ISSUES FOUND")),
        headings=headings,
        sections=tuple(sections),
        divided=_divided(sections, contents),
        dividers=tuple(block.line for block in region if block.kind == "divider"),
        problems=problems,
    )


def _bounded(reply: str) -> tuple[str, tuple[str, ...]]:
    """The text that is read, with what was left out; newlines are `\\n`, lone surrogates and NUL are replaced."""
    problems = []
    text = reply
    if len(text) > MAX_CHARS:
        problems.append(f"the reply has {len(text)} characters; only the first {MAX_CHARS} are read")
        text = text[:MAX_CHARS]
    lines = _SURROGATE.sub("\ufffd", text).replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        problems.append(f"the reply has more than {MAX_LINES} lines; only those are read")
        lines = lines[:MAX_LINES]
    if any(len(line) > MAX_LINE for line in lines):
        problems.append(f"a line is longer than {MAX_LINE} characters; only its beginning is read")
    return "\n".join(line[:MAX_LINE] for line in lines), tuple(problems)


def _document(text: str) -> list[_Block]:
    """The blocks of the text; where no heading outside a fence announces a report, those of the fence that holds one.

    A fence in prose counts only when it begins with the report and has a status: a form that is quoted is no report.
    """
    tokens = _block_parser().parse(text)
    blocks = _blocks(tokens, 1)
    if any(map(_announces, blocks)):
        return blocks
    for inner, first_line, whole in _fenced(text, tokens):
        inside = _blocks(_block_parser().parse(inner), first_line)
        if any(map(_announces, inside if whole else inside[:1])):
            return inside
    return blocks


def _fenced(text: str, tokens: Sequence[Token]) -> Iterator[tuple[str, int, bool]]:
    """Text inside a fence, its first line, and whether the fence stands around the whole reply."""
    lines = text.split("\n")
    filled = [index for index, line in enumerate(lines) if line.strip()]
    opener = _FENCE.match(lines[filled[0]]) if filled else None
    closer = _FENCE.match(lines[filled[-1]].rstrip()) if filled else None
    if opener and closer and len(filled) > 1 and not closer["info"] and closer["marks"].startswith(opener["marks"]):
        yield "\n".join(lines[filled[0] + 1 : filled[-1]]), filled[0] + 2, True
    for token in tokens:
        if token.type == "fence" and token.level == 0 and token.map and not _FORM.search(token.content):
            yield token.content, token.map[0] + 2, len(tokens) == 1


def _blocks(tokens: Sequence[Token], first_line: int) -> list[_Block]:
    found: list[_Block] = []
    unfilled: list[bool] = []
    heading: Token | None = None
    for token in tokens:
        line = token.map[0] + first_line if token.map else 0
        depth, item = len(unfilled), bool(unfilled and unfilled[-1])
        if token.type == "list_item_open":
            if unfilled:
                unfilled[-1] = False
            unfilled.append(True)
        elif token.type == "list_item_close":
            if unfilled.pop():
                found.append(_Block("text", "", found[-1].line if found else first_line, depth, True))
        elif token.type == "heading_open":
            heading = token if token.level == 0 else None
        elif token.type == "inline" and heading is not None:
            found.append(_heading(token, heading, line))
            heading = None
        elif token.type in {"inline", "fence", "code_block"}:
            kind: Literal["text", "code"] = "text" if token.type == "inline" else "code"
            found.append(_Block(kind, token.content, line, depth, item))
            unfilled[-1:] = [False] if unfilled else []
        elif token.type == "hr" and token.level == 0:
            found.append(_Block("divider", "", line))
    return found


def _heading(inline: Token, opened: Token, line: int) -> _Block:
    return _Block("heading", plain(inline.content), line, level=int(opened.tag[1]), underlined=opened.markup == "-")


def _announces(block: _Block) -> bool:
    return block.kind == "heading" and HEADING in block.text.upper()


def _region(blocks: list[_Block]) -> tuple[tuple[Heading, ...], list[_Block]]:
    """The headings that announce a report, and the blocks of the first report; all blocks where none is announced."""
    places = [index for index, block in enumerate(blocks) if _announces(block)]
    exact = [index for index in places if blocks[index].text == HEADING]
    chosen = exact or places[:1]
    headings = tuple(Heading(blocks[at].text, blocks[at].level, blocks[at].line) for at in chosen)
    if not chosen:
        return (), blocks
    end = chosen[1] if len(chosen) > 1 else len(blocks)
    return headings, blocks[chosen[0] + 1 : end]


def _sections(region: list[_Block]) -> tuple[list[Section], list[list[_Block]]]:
    """The sections and the blocks of each; what stands before the first section belongs to none."""
    sections: list[Section] = []
    contents: list[list[_Block]] = []
    for index, block in enumerate(region):
        section = _section(block) if block.kind == "heading" and not _glued(region, index) else None
        if section is not None:
            sections.append(section)
            contents.append(_inline_content(block, section))
        elif contents:
            contents[-1].append(block if block.kind != "heading" or not block.underlined else _as_text(block))
    return sections, contents


def _section(block: _Block) -> Section | None:
    """The section that a heading opens, None for a small heading inside one."""
    name, exact = _name(block.text)
    if name is None and block.level > 4:
        return None
    return Section(block.text, block.level, name, exact, block.line)


def _name(title: str) -> tuple[str | None, bool]:
    """The section that a title can be read as, and whether it is written as demanded."""
    status = _STATUS_TITLE.match(title)
    if status is not None:
        glued = not status["colon"] and status["raw"] and not re.match(r"\W", title[len(SECTIONS[0]) :])
        return (None, False) if glued else (SECTIONS[0], status["title"] == SECTIONS[0])
    other = _TITLE.match(title)
    if other is None:
        return None, False
    return other["title"].upper(), other["title"] in SECTIONS and not other["rest"]


def _inline_content(block: _Block, section: Section) -> list[_Block]:
    """What the heading line itself carries of a section's content ("### DEVIATIONS: None")."""
    match = _TITLE.match(section.title)
    return [_Block("text", match["rest"], block.line)] if match is not None and match["rest"] else []


def _glued(region: list[_Block], index: int) -> bool:
    """Whether dashes under the last text before FILES CHANGED were meant as the divider: the text stays a text."""
    following = region[index + 1 : index + 2]
    block = region[index]
    return (
        block.underlined
        and _name(block.text)[0] is None
        and any(after.kind == "heading" and _name(after.text)[0] == "FILES CHANGED" for after in following)
    )


def _as_text(block: _Block) -> _Block:
    return _Block("text", block.text, block.line)


def _content(sections: list[Section], contents: list[list[_Block]], name: str) -> list[_Block]:
    return next((blocks for section, blocks in zip(sections, contents, strict=True) if section.name == name), [])


def _divided(sections: list[Section], contents: list[list[_Block]]) -> bool:
    at = next((index for index, section in enumerate(sections) if section.name == "FILES CHANGED"), 0)
    return at > 0 and bool(contents[at - 1]) and contents[at - 1][-1].kind == "divider"


def _status(sections: list[Section], contents: list[list[_Block]]) -> Status | None:
    section = next((found for found in sections if found.name == SECTIONS[0]), None)
    match = _STATUS_TITLE.match(section.title) if section is not None else None
    if section is None or match is None:
        return None
    raw, line, inside = match["raw"].strip(), section.line, True
    if not raw:
        first = next((block for block in _content(sections, contents, SECTIONS[0]) if block.kind == "text"), None)
        raw, line, inside = (plain(first.text), first.line, False) if first is not None else ("", line, False)
    value = _STATUS.match(raw)
    if value is None:
        return Status(raw, None, False, line)
    return Status(raw, "YES" if value["value"] == "YES" else "NO", inside and raw == value["value"], line)


# --- deviations ----------------------------------------------------------------------------------------------------


def _deviations(blocks: list[_Block]) -> tuple[tuple[Deviation, ...], tuple[Text, ...], bool]:
    """The deviations and mismatch notes of a section, and whether its first block equals None."""
    first = next((block for block in blocks if block.kind == "text"), None)
    says_none = first is not None and plain(first.text).removesuffix(".") == "None"
    reader = _DeviationReader(list(_units(blocks)))
    prose = () if says_none else tuple(reader.prose)
    return tuple(reader.found) or prose, tuple(reader.notes), says_none


def _units(blocks: list[_Block]) -> Iterator[_Unit]:
    for block in blocks:
        if block.kind != "text":
            yield _Unit(fold(block.text), block.line, block.depth, block.item, block.kind)
            continue
        unit: _Unit | None = None
        for offset, line in enumerate(block.text.split("\n")):
            labelled = _labelled(fold(line))
            if unit is not None and not labelled[1]:
                unit.text = f"{unit.text} {labelled[2]}".strip()
                continue
            if unit is not None:
                yield unit
            label, name, text = labelled
            unit = _Unit(text, block.line + offset, block.depth, block.item and not offset, "text", label, name)
        if unit is not None:
            yield unit


def _labelled(line: str) -> tuple[str, str, str]:
    """Label as written, the demanded label it reads as, and the text after it; empty labels where there is none."""
    match = _LABEL.match(bare := _BULLET.sub("", line))
    if match is None:
        return "", "", line
    opened, rest = match["open"] or "", bare[match.end() :]
    closed = bool(opened) and rest.startswith(opened)
    rest = rest[len(opened) :].lstrip() if closed else rest
    colon = rest[:1] in (":", "\uff1a") and bool(rest)
    rest = rest[1:].lstrip() if colon else rest
    if opened and not closed:
        closed = rest.startswith(opened)
        rest = (rest[len(opened) :] if closed else rest.removesuffix(opened)).strip()
    if not colon and not closed:
        return "", "", line
    return match["label"], match["name"].capitalize(), rest


class _DeviationReader:
    """Groups units into deviations: an Endpoint, a repeated label or a break in the text opens the next one."""

    def __init__(self, units: list[_Unit]) -> None:
        self.notes: list[Text] = []
        self.found: list[Deviation] = []
        self.prose: list[Deviation] = []
        """Paragraphs without labels: deviations only where nothing else stands."""
        self._fields: list[Field] = []
        self._depth = 0
        self._owner: Literal["field", "note", "entry", "none"] = "none"
        for index, unit in enumerate(units):
            following = units[index + 1] if index + 1 < len(units) else None
            self._read(unit, following)
        self._close()

    def _read(self, unit: _Unit, following: _Unit | None) -> None:
        if unit.kind in {"divider", "heading"}:
            self._close()
        elif unit.name:
            self._labelled(unit)
        elif self._continues(unit):
            self._extend(unit)
        elif unit.kind == "text" and unit.text:
            self._unlabelled(unit, following)

    def _continues(self, unit: _Unit) -> bool:
        if self._owner == "none":
            return False
        return unit.depth > self._depth or (unit.depth == self._depth > 0 and not unit.item)

    def _labelled(self, unit: _Unit) -> None:
        present = {found.name for found in self._fields}
        if unit.name in present or (unit.name == LABELS[0] and len(present - {""}) >= len(LABELS) - 1):
            self._close()
        self._fields.append(Field(unit.label, unit.name, unit.text, unit.line))
        self._depth, self._owner = unit.depth, "field"

    def _extend(self, unit: _Unit) -> None:
        if self._owner == "field":
            last = self._fields[-1]
            self._fields[-1] = Field(last.label, last.name, f"{last.text} {unit.text}".strip(), last.line)
        elif self._owner == "note":
            self.notes[-1] = Text(f"{self.notes[-1].text} {unit.text}".strip(), self.notes[-1].line)
        else:
            entry = self.found[-1]
            self.found[-1] = Deviation((), f"{entry.text} {unit.text}".strip(), entry.line)

    def _unlabelled(self, unit: _Unit, following: _Unit | None) -> None:
        seen = plain(unit.text)
        other = _OTHER_LABEL.match(unit.text)
        if _MISMATCH.search(seen.casefold()):
            self._close()
            self.notes.append(Text(unit.text, unit.line))
            self._depth, self._owner = unit.depth, "note"
        elif self._fields and unit.item and unit.depth == self._depth and other is not None:
            self._fields.append(Field(other["label"], "", other["text"], unit.line))
        else:
            self._close()
            self._entry(unit, seen, following)

    def _entry(self, unit: _Unit, seen: str, following: _Unit | None) -> None:
        title = following is not None and bool(following.name)
        if title or _NOTHING.match(seen):
            return
        if unit.depth == 0:
            self.prose.append(Deviation((), unit.text, unit.line))
            return
        self.found.append(Deviation((), unit.text, unit.line))
        self._depth, self._owner = unit.depth, "entry"

    def _close(self) -> None:
        if self._fields:
            self.found.append(Deviation(tuple(self._fields), "", self._fields[0].line))
        self._fields = []
        self._owner = "none"


# --- changed files and issues --------------------------------------------------------------------------------------


def _files(blocks: list[_Block]) -> tuple[ChangedFile, ...]:
    found: list[ChangedFile] = []
    around: dict[int, ChangedFile] = {}
    for index, block in enumerate(blocks):
        if block.depth == 0:
            found.extend(_unlisted(block))
        elif block.item:
            parent = around.get(block.depth - 1)
            if parent is not None and parent.paths and not parent.head.endswith("/"):
                around[block.depth] = parent
                continue
            changed = _changed(block, parent.head if parent is not None and parent.begins else "")
            around[block.depth] = changed
            grouping = index + 1 < len(blocks) and blocks[index + 1].depth > block.depth and changed.head.endswith("/")
            if not grouping and (changed.begins or not _NOTHING.match(changed.head.strip("."))):
                found.append(changed)
    return tuple(found)


def _unlisted(block: _Block) -> Iterator[ChangedFile]:
    """Paths that stand at the beginning of lines outside a list: paragraphs, tables, fences."""
    for offset, line in enumerate(block.text.split("\n")):
        match = _HEAD.match(line.strip(" |"))
        head = _clean(match) if match is not None else ""
        if path_like(head) and not head.endswith("/"):
            yield ChangedFile((head,), head=head, listed=False, line=block.line + offset)


def _changed(block: _Block, under: str) -> ChangedFile:
    text = fold(block.text)
    match = _HEAD.match(text)
    head = _clean(match) if match is not None else ""
    if match is None or not _begins(head):
        inner = next((token for token in map(_token, _WORD.finditer(text)) if path_like(token)), None)
        return ChangedFile((inner,) if inner else (), head=head, under=under, line=block.line)
    rest = text[_end(match) :]
    other = _other_name(rest)
    if other is not None:
        way, path = other
        pair = (path, head) if way == "from" else (head, path)
        return ChangedFile(pair, True, head, under=under, line=block.line)
    return ChangedFile((head, *_further(rest)), head=head, under=under, line=block.line)


def _other_name(rest: str) -> tuple[str, str] | None:
    """The other name of a renamed file, and on which side it stands."""
    arrow = _ARROW.match(rest)
    moved = None if arrow else _MOVED.search(rest)
    at = arrow or moved
    match = _HEAD.match(rest, at.end()) if at is not None else None
    if match is None or not path_like(path := _clean(match)):
        return None
    return (moved["way"].lower() if moved is not None else "to"), path


def _further(rest: str) -> Iterator[str]:
    """Paths enumerated right after the first one."""
    position = 0
    while (mark := _AND.match(rest, position)) and (match := _HEAD.match(rest, mark.end())):
        path = _clean(match)
        if not path_like(path):
            return
        yield path
        position = _end(match)


def _end(match: re.Match[str]) -> int:
    """Where a token ends, a comma after it left out."""
    return match.end() - (len(match[0]) - len(match[0].rstrip(",")))


def _begins(head: str) -> bool:
    """Whether the head of an item is a path; only a code span can hold a space."""
    return path_like(head.replace(" ", "_"))


def _clean(match: re.Match[str]) -> str:
    token = match["code"] or match["link"] or match["bare"]
    if match["bare"]:
        token = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", token).strip("*").strip("\"'()").rstrip(".,;:*")
    return re.sub(r":\d+(?:-\d+)?$", "", token.strip("`").strip())


def _token(match: re.Match[str]) -> str:
    return match[1] or match[2].strip("*\"'()[],;:").rstrip(".")


def _texts(blocks: list[_Block]) -> tuple[Text, ...]:
    """One text per item of the outer list or per paragraph."""
    found: list[Text] = []
    for block in blocks:
        text = fold(block.text)
        if found and block.depth and not (block.depth == 1 and block.item):
            found[-1] = Text(f"{found[-1].text} {text}".strip(), found[-1].line)
        elif text:
            found.append(Text(text, block.line))
    return tuple(found)


# --- rendering -----------------------------------------------------------------------------------------------------


def render(report: Report) -> str:
    """The exact form of a report.

    Texts are taken as they are: one line of Markdown source that begins with a letter, a digit or a slash comes back
    unchanged from `parse`.
    """
    status = report.status.value if report.status is not None else None
    parts = [
        f"## {HEADING}",
        f"### {SECTIONS[0]}: {status}",
        "### DEVIATIONS:" + ("\nNone" if report.says_none else ""),
    ]
    parts += ["\n".join(f"- **{item.name}:** {item.text}" for item in entry.fields) for entry in report.deviations]
    if report.notes:
        parts.append("\n".join(f"- {note.text}" for note in report.notes))
    parts += [
        "---",
        "\n".join(["### FILES CHANGED:", *(map(_file_line, report.files) if report.files else ["- none"])]),
    ]
    parts.append("\n".join(["### ISSUES FOUND:", *(f"- {issue.text}" for issue in report.issues)]))
    return "\n\n".join(parts) + "\n"


def _file_line(changed: ChangedFile) -> str:
    return "- " + (" -> " if changed.renamed else ", ").join(
        path if path_like(path) and " " not in path else f"`{path}`" for path in changed.paths
    )


# --- parsers -------------------------------------------------------------------------------------------------------


@cache
def _block_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark")
    parser.core.ruler.disable("inline")
    return parser


@cache
def _inline_parser() -> MarkdownIt:
    return MarkdownIt("commonmark")


def _visible(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return " "
    if token.type == "image":
        return "".join(_visible(child) for child in token.children or [])
    return token.content if token.type in {"text", "code_inline", "text_special"} else ""
