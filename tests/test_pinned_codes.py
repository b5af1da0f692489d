"""The pinned codes, the rules that read them and the list in the docs say the same."""

from __future__ import annotations

from collections import Counter

from pinned_codes import DOC, TABLE, by_rule, pinned, table


def test_the_docs_list_every_code_by_rule() -> None:
    listed = TABLE.search(DOC.read_text(encoding="utf-8"))
    assert listed
    assert listed[0] == table()


def test_every_pinned_code_is_read_by_exactly_one_rule() -> None:
    read = Counter(code for codes in by_rule().values() for code in codes)
    assert read == Counter(pinned())
    assert all(by_rule().values())
