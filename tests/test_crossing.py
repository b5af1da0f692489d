"""What of a delivery crosses into a server: plain files, and links that stay in the tree as the files they lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graders import stand
from graders.stand import regular_files
from harness.core.records import Entry, Tree


def tree(**links: str) -> Tree:
    made = Tree.of({"app/locales/en.json": "{}", "app/main.py": "main"})
    names = {name.replace("__", "/"): Entry(kind="link", target=target) for name, target in links.items()}
    return replace(made, entries={**made.entries, **names})


@pytest.mark.parametrize(
    ("name", "target"),
    [("app__locales__fr", "en.json"), ("app__en", "locales/en.json"), ("en", "./app/../app/locales/en.json")],
)
def test_a_link_within_the_tree_crosses_as_the_file_it_leads_to(name: str, target: str) -> None:
    assert regular_files(tree(**{name: target}))[name.replace("__", "/")] == (b"{}", False)


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../../etc/passwd", "nothing", ".", "locales", "", "loop", "app/locales/en.json/x"]
)
def test_a_link_that_leads_to_no_file_of_the_tree_stays_behind(target: str) -> None:
    assert sorted(regular_files(tree(app__loop=target))) == ["app/locales/en.json", "app/main.py"]


def test_links_to_links_are_followed_but_not_for_ever() -> None:
    chain = {f"l{number}": f"l{number + 1}" for number in range(stand.LINKS_DEEP + 2)}
    last = f"l{stand.LINKS_DEEP + 2}"
    found = regular_files(tree(**chain, **{last: "app/main.py"}))
    assert last in found
    assert "l4" in found
    assert "l0" not in found


def test_links_add_no_more_than_the_cap() -> None:
    large = Tree.of({"large": b"x" * 1_000_000})
    links = {f"link{number:02}": Entry(kind="link", target="large") for number in range(40)}
    found = regular_files(replace(large, entries={**large.entries, **links}))
    assert len(found) == 1 + stand.LINKED_CAP // 1_000_000


def test_special_files_and_repositories_stay_behind() -> None:
    made = Tree.of({"app/main.py": "main", "app/.git/config": "hostile"})
    entries = {**made.entries, "app/pipe": Entry(kind="special")}
    assert sorted(regular_files(replace(made, entries=entries))) == ["app/main.py"]
