"""The texts that a delivery adds by language, wherever they stand, and what is wrong with each of them.

A text in one language is not yet a breach: another statement or file of the delivery may hold the other one, the
repo's old data may have waited for just this language, or only one language belongs there. It counts where a
language's own column, a neighbour in both, or the documents and catalogues of a repo in both show what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from graders.addedlines import Diff, text_of
from graders.bilingual import LANGUAGES, Said, in_catalogues, in_commas, in_document, in_python, in_sql, shown
from graders.branches import in_branches
from graders.locales import document, group
from graders.pycode import Source, is_test
from graders.wording import NAMED, has_words, lacks, wrong
from harness.core.ports import Case
from harness.core.records import Tree

_DATA = frozenset({"seeds", "seed", "fixtures", "data", "locales", "locale", "i18n", "translations"})
_COMMAS = (".csv", ".tsv")
_DOCUMENTS = (".json", ".yaml", ".yml", ".toml")
_BOTH_NAMED = re.compile(r"(?i)^(?=.*\bfrench\b).*\benglish\b", re.MULTILINE)
_MAX_BASE = 400
"""Most files of the repo that are read for what its old seeds lack."""


@dataclass(frozen=True)
class Text:
    """One text that is the delivery's own."""

    path: str
    said: Said
    wrong: str
    """What is wrong with it, in words; empty where nothing is."""


def of_catalogues(diff: Diff) -> Iterator[Text]:
    """Texts of locale catalogues, where the repo has them for both languages."""
    changed = {name for name, _ in (group(path) for path in diff.changed if not is_test(path)) if name}
    spoken = {language[:2] for tree in (diff.base, diff.final) for _, language, _ in _files(tree)} if changed else set()
    if not spoken.issuperset(LANGUAGES):
        return
    before = [said for name in _groups(diff.base) for said in in_catalogues(_texts(diff.base, name))]
    old = {(said.key, wrong(said)) for said in before} | {(said.key, shown_of(said)) for said in before}
    for name in sorted(changed):
        files = _texts(diff.final, name)
        for said in in_catalogues(files):
            told = wrong(said)
            if has_words(said) and (said.key, told or shown_of(said)) not in old:
                yield Text(_place(files, told), said, told)


def _files(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """(group, language, path) of every catalogue."""
    for path in tree.files():
        name, language = group(path)
        if name and not is_test(path):
            yield name, language, path


def _groups(tree: Tree) -> list[str]:
    return sorted({name for name, _, _ in _files(tree)})


def _texts(tree: Tree, name: str) -> dict[str, str]:
    return {path: text_of(tree, path) or "" for found, _, path in _files(tree) if found == name}


def _place(files: Iterable[str], told: str) -> str:
    """The catalogue of the language that a finding speaks of, or any of them."""
    lacking = next((code for code, name in NAMED.items() if f"the {name} text" in told), "")
    return next((path for path in sorted(files) if group(path)[1][:2] == lacking), min(files, default=""))


def of_data(case: Case, diff: Diff) -> Iterator[Text]:
    """Texts of seeds, rows and branches; what stands alone waits for what the rest of the delivery says."""
    found = [(path, said) for path in diff.readable for said in _said(path, diff.final, diff.source)]
    given = {(said.shape, language) for _, said in found if said.alone for language in said.texts}
    new = [(path, said) for path, said in found if _is_new(diff, path, said)]
    fresh = [Text(path, said, wrong(said, named=said.shape != "branch")) for path, said in new]
    gaps = _gaps(diff) if any(text.wrong and lacks(text.said) for text in fresh) else frozenset()
    for text in fresh:
        said, lacking = text.said, lacks(text.said)
        if not lacking:
            yield text
        elif (said.shape, lacking) in given or not gaps.isdisjoint((said.shape, language) for language in said.texts):
            yield replace(text, wrong="")
        elif said.fixes and len(said.texts) == 1:
            continue
        elif not said.alone or (_belongs(case, diff, said) and not _is_example(diff, text)):
            yield text


def _said(path: str, tree: Tree, source_of: Callable[[str], Source | None]) -> list[Said]:
    """What a file of data or code says by language."""
    if is_test(path) or group(path)[0]:
        return []
    if path.endswith(".py"):
        source = source_of(path)
        return [*source.kept(in_python), *source.kept(in_branches)] if source else []
    if path.endswith(".sql"):
        return in_sql(text_of(tree, path) or "")
    if _DATA.isdisjoint(path.split("/")[:-1]):
        return []
    if path.endswith(_COMMAS):
        return in_commas(text_of(tree, path) or "")
    return in_document(document(path, text_of(tree, path))) if path.endswith(_DOCUMENTS) else []


def _is_new(diff: Diff, path: str, said: Said) -> bool:
    """Whether a text of several words is the delivery's own."""
    if not has_words(said):
        return False
    if said.line:
        return diff.is_added(path, [said.line])
    old = {shown_of(one) for one in in_document(document(path, text_of(diff.base, path)))}
    line = line_of(diff.lines(path), next(text for text in shown_of(said) if text and text.strip()))
    return shown_of(said) not in old and (line is None or diff.is_added(path, [line]))


def _gaps(diff: Diff) -> frozenset[tuple[str, str]]:
    """(kind of place, language) that the repo's own data lacked: whoever fills it adds one language only."""
    files = [path for path in diff.base.files() if path.endswith((".py", ".sql", *_COMMAS, *_DOCUMENTS))]
    said = (one for path in files[:_MAX_BASE] for one in _said(path, diff.base, diff.source_before))
    return frozenset((one.shape, lacking) for one in said if (lacking := lacks(one)))


def _belongs(case: Case, diff: Diff, said: Said) -> bool:
    """Whether both languages belong where a text stands in one: its columns have them, or the repo speaks both."""
    if said.shape in {"{}", "rows"}:
        told = _BOTH_NAMED.search(case.task.contract) or _BOTH_NAMED.search(case.task.specs)
        return told is not None or _speaks_both(diff)
    columns = [re.compile(rf"\b{re.escape(said.shape)}_{language}\b") for language in LANGUAGES]
    missing = set(columns)
    for path in diff.final.files():
        if path.endswith((".py", ".sql")) and not is_test(path) and missing:
            text = text_of(diff.final, path) or ""
            missing = {column for column in missing if not column.search(text)}
    return not missing


def _speaks_both(diff: Diff) -> bool:
    return {language[:2] for _, language, _ in _files(diff.final)}.issuperset(LANGUAGES)


def _is_example(diff: Diff, text: Text) -> bool:
    source = diff.source(text.path) if text.path.endswith(".py") else None
    return source is not None and text.said.line in source.kept(shown)


def shown_of(said: Said) -> tuple[str | None, ...]:
    """What both languages have."""
    return tuple(said.text(language) for language in LANGUAGES)


def line_of(lines: list[str], text: str) -> int | None:
    """The first line that holds a text."""
    return next((number for number, line in enumerate(lines, 1) if text and text in line), None)
