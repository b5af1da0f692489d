"""The board: what is on it, in which order, and how it is counted."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from support import (
    BRIEF,
    FIELDS,
    FRENCH,
    KINDS,
    MICROSECOND,
    NOTICES,
    board,
    body,
    hours,
    ids,
    invalid,
    moment,
    now,
    one,
    publish,
    sometime,
    word,
)

from graders.testkit import Api, covers, fail_to_pass
from graders.testkit.services import Queries

NOUNS = {
    "announcement": ("announcement", "announcements", "annonce", "annonces", True),
    "bylaw": ("bylaw", "bylaws", "arrêté", "arrêtés", False),
    "closure": ("closure", "closures", "fermeture", "fermetures", True),
    "tender": ("tender", "tenders", "appel d'offres", "appels d'offres", False),
    None: ("notice", "notices", "avis", "avis", False),
}
ADJECTIVES = {"scheduled": "prévu", "published": "publié", "expired": "expiré"}


def english(count: int, kind: str | None, status: str) -> str:
    noun = NOUNS[kind][0 if count == 1 else 1]
    return f"{count} {noun}" if status == "all" else f"{count} {status} {noun}"


def french(count: int, kind: str | None, status: str) -> str:
    several = count > 1
    noun = NOUNS[kind][3 if several else 2]
    ending = ("e" if NOUNS[kind][4] else "") + ("s" if several else "")
    return f"{count} {noun}" if status == "all" else f"{count} {noun} {ADJECTIVES[status]}{ending}"


def _speaks(api: Api, at: datetime, count: int, **asked: Any) -> None:
    """The list counts this many, in both languages."""
    kind, status = asked.get("kind"), asked.get("status", "published")
    for headers, sentence in ((None, english(count, kind, status)), (FRENCH, french(count, kind, status))):
        page = board(api, at, headers, **asked)
        assert (page["total"], page["summary"]) == (count, sentence)


def _all(api: Api, at: datetime, headers: Mapping[str, str] | None = None, **asked: Any) -> list[dict[str, Any]]:
    """The items of every page."""
    items: list[dict[str, Any]] = []
    for number in range(1, 100):
        page = board(api, at, headers, size=50, page=number, **asked)
        items += page["items"]
        if len(items) >= page["total"]:
            break
    return items


@covers("C-28", "C-06")
@fail_to_pass
def test_published_notices_are_counted_in_words(api: Api, rng: Random) -> None:
    for kind in KINDS:
        at = sometime(rng)
        for count in range(4):
            _speaks(api, at, count, kind=kind)
            _speaks(api, at, count)
            _speaks(api, at, count, kind=kind, status="published")
            publish(api, body(rng, at, at + BRIEF, kind=kind))


@covers("C-28", "C-06", "C-24")
@fail_to_pass
def test_expired_notices_are_counted_in_words(api: Api, rng: Random) -> None:
    at = datetime(2000, 1, 1, tzinfo=UTC) + MICROSECOND
    made: list[dict[str, Any]] = []
    for count in range(3):
        for kind in KINDS:
            _speaks(api, at, count, kind=kind, status="expired")
        _speaks(api, at, count * 4, status="expired")
        made += [publish(api, body(rng, at - MICROSECOND, at, kind=kind)) for kind in KINDS]
    for notice in made:
        api.delete(one(notice)).expect(204)


@covers("C-28", "C-06", "C-24")
@fail_to_pass
def test_scheduled_notices_are_counted_in_words(api: Api, rng: Random) -> None:
    at = datetime(2100, 1, 1, tzinfo=UTC) - MICROSECOND
    made: list[dict[str, Any]] = []
    for count in range(3):
        for kind in KINDS:
            _speaks(api, at, count, kind=kind, status="scheduled")
        _speaks(api, at, count * 4, status="scheduled")
        made += [publish(api, body(rng, at + MICROSECOND, None, kind=kind)) for kind in KINDS]
    for notice in made:
        api.delete(one(notice)).expect(204)


@covers("C-28", "C-24")
@fail_to_pass
def test_notices_of_every_status_are_counted_without_an_adjective(api: Api, rng: Random) -> None:
    at = sometime(rng)
    for kind in (*KINDS, None):
        asked: dict[str, Any] = {"status": "all"} | ({"kind": kind} if kind else {})
        before = int(board(api, at, **asked)["total"])
        _speaks(api, at, before, **asked)
        publish(api, body(rng, at, at + BRIEF, kind=kind or "tender"))
        _speaks(api, at, before + 1, **asked)


@covers("C-05", "C-06", "C-23")
@fail_to_pass
def test_labels_agree_with_their_noun(api: Api, rng: Random) -> None:
    start = sometime(rng)
    end = start + BRIEF
    for kind in KINDS:
        notice = publish(api, body(rng, start, end, kind=kind))
        for status, at in (("scheduled", start - MICROSECOND), ("published", start), ("expired", end)):
            for headers, words in ((None, english(1, kind, status)), (FRENCH, french(1, kind, status))):
                shown = [
                    item for item in _all(api, at, headers, status=status, kind=kind) if item["id"] == notice["id"]
                ]
                assert [(item["status"], f"1 {item['label']}") for item in shown] == [(status, words)]


def _statuses(api: Api, notice: dict[str, Any], at: datetime) -> list[str]:
    """The lists on which a notice stands at a moment."""
    found = []
    for status in ("scheduled", "published", "expired"):
        shown = [item for item in _all(api, at, status=status, kind=notice["kind"]) if item["id"] == notice["id"]]
        assert all(item["status"] == status for item in shown)
        found += [status for _ in shown]
    return found


@covers("C-03", "C-23", "C-24")
@fail_to_pass
def test_windows_begin_and_end_to_the_microsecond(api: Api, rng: Random) -> None:
    start = sometime(rng)
    end = start + timedelta(seconds=rng.randint(1, 500))
    notice = publish(api, body(rng, start, end, kind=rng.choice(KINDS)))
    assert _statuses(api, notice, start - MICROSECOND) == ["scheduled"]
    assert _statuses(api, notice, start) == ["published"]
    assert _statuses(api, notice, end - MICROSECOND) == ["published"]
    assert _statuses(api, notice, end) == ["expired"]
    assert _statuses(api, notice, end + hours(24)) == ["expired"]


@covers("C-03", "C-14")
@fail_to_pass
def test_a_notice_without_an_end_stays_published(api: Api, rng: Random) -> None:
    start = datetime(2099, 12, 31, 12, tzinfo=UTC) + timedelta(seconds=rng.randrange(40_000))
    notice = publish(api, body(rng, start, None, kind="closure"))
    last = datetime(2100, 1, 1, tzinfo=UTC)
    for at in (start, start + MICROSECOND, last):
        assert _statuses(api, notice, at) == ["published"]
    api.delete(one(notice)).expect(204)


@covers("C-23", "C-24", "C-22")
@fail_to_pass
def test_the_board_is_that_of_now(api: Api, rng: Random) -> None:
    before = {status: int(board(api, None, status=status)["total"]) for status in ("published", "expired", "all")}
    plain = int(board(api, None)["total"])
    assert plain == before["published"]
    start = now() - timedelta(seconds=5)
    current = publish(api, body(rng, start, start + hours(1)))
    page = board(api, None)
    assert (page["total"], page["items"][0]) == (plain + 1, current)
    past = publish(api, body(rng, start - hours(2), start - hours(1)))
    assert board(api, None)["total"] == plain + 1
    expired = board(api, None, status="expired")
    assert expired["total"] == before["expired"] + 1
    assert board(api, None, status="all")["total"] == before["all"] + 2
    for notice in (current, past):
        api.delete(one(notice)).expect(204)
    assert board(api, None)["total"] == plain


@covers("C-22", "C-27", "C-26")
@fail_to_pass
def test_pages_cover_the_board_once(api: Api, rng: Random) -> None:
    at, count = sometime(rng), 13
    made = [publish(api, body(rng, at - timedelta(seconds=index), at + BRIEF)) for index in range(count)]
    wanted = [notice["id"] for notice in made]
    first = board(api, at)
    assert (ids(first), first["total"], first["page"], first["size"]) == (wanted[:10], count, 1, 10)
    assert all(set(item) == FIELDS for item in first["items"])
    assert [item["title"] for item in first["items"]] == [notice["title"] for notice in made[:10]]
    second = board(api, at, page=2)
    assert (ids(second), second["total"], second["page"], second["size"]) == (wanted[10:], count, 2, 10)
    size = rng.randint(2, 6)
    pages = [board(api, at, page=number, size=size) for number in range(1, count // size + 2)]
    assert [page["page"] for page in pages] == list(range(1, len(pages) + 1))
    assert {(page["size"], page["total"]) for page in pages} == {(size, count)}
    assert [notice for page in pages for notice in ids(page)] == wanted
    behind = board(api, at, page=100_000, size=50)
    assert (behind["items"], behind["total"], behind["page"]) == ([], count, 100_000)
    assert behind["summary"] == f"{count} published notices"
    assert ids(board(api, at, size=50)) == wanted
    assert ids(board(api, at, size=1, page=count)) == wanted[-1:]


@covers("C-27", "C-29", "C-23", "C-24")
@fail_to_pass
def test_parameters_out_of_bounds_are_refused(api: Api, rng: Random) -> None:
    wrong: dict[str, tuple[Any, ...]] = {
        "page": (0, -1, 100_001, "one", "1.5", "", 10**30),
        "size": (0, -1, 51, "all", "2.5", "", 10**30),
        "status": ("draft", "Published", "", word(rng)),
        "kind": ("notice", "any", "all", "Bylaw", "", word(rng)),
        "at": (
            "now", "", "2040-01-01", "2040-01-01T09:00:00", "2208988800", "1999-12-31T23:59:59.999999Z",
            "2100-01-01T00:00:00.000001Z", "2040-02-30T09:00:00Z", "2100-01-01T00:00:00-00:01",
        ),
    }  # fmt: skip
    for name, values in wrong.items():
        for value in values:
            invalid(api.get(NOTICES, {name: value}), name)
    invalid(api.get(NOTICES, {"page": 0, "size": 0, "kind": "x", "status": "y", "at": "z"}), *wrong)
    for at in (
        "2000-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "2100-01-01T01:00:00+01:00",
        "1999-12-31T23:00:00-01:00",
    ):
        api.get(NOTICES, {"at": at, "size": 1}).expect(200)


@covers("C-23")
@fail_to_pass
def test_a_moment_may_have_any_offset(api: Api, rng: Random) -> None:
    start = sometime(rng)
    notice = publish(api, body(rng, start, start + timedelta(minutes=1)))
    written = (start + hours(5.5)).replace(tzinfo=None).isoformat() + "+05:30"
    assert ids(dict(api.get(NOTICES, {"at": written}).expect(200).json())) == [notice["id"]]
    late = (start + hours(5.5) + timedelta(minutes=1)).replace(tzinfo=None).isoformat() + "+05:30"
    assert ids(dict(api.get(NOTICES, {"at": late}).expect(200).json())) == []


@covers("C-26")
@fail_to_pass
def test_the_latest_comes_first_and_ties_go_by_id(api: Api, rng: Random) -> None:
    at = sometime(rng)
    moments = [at - timedelta(seconds=rng.choice((0, 60, 60, 120))) for _ in range(9)]
    made = [publish(api, body(rng, start, at + BRIEF)) for start in moments]
    wanted = sorted(made, key=lambda notice: (moment(notice["publish_from"]), notice["id"]), reverse=True)
    assert ids(board(api, at)) == [notice["id"] for notice in wanted]
    ties = [publish(api, body(rng, at + hours(2), at + hours(2) + BRIEF)) for _ in range(4)]
    assert ids(board(api, at + hours(2), size=2)) == [notice["id"] for notice in ties[:1:-1]]
    assert ids(board(api, at + hours(2), size=2, page=2)) == [notice["id"] for notice in ties[1::-1]]


@covers("C-24")
@fail_to_pass
def test_filters_must_all_match(api: Api, rng: Random) -> None:
    at = sometime(rng)
    kinds = rng.sample(KINDS, 2)
    current = [publish(api, body(rng, at, at + BRIEF, kind=kind)) for kind in kinds]
    gone = [publish(api, body(rng, at - 3 * BRIEF, at - BRIEF, kind=kind)) for kind in kinds]
    for index, kind in enumerate(kinds):
        page = board(api, at, kind=kind)
        assert (ids(page), page["total"]) == ([current[index]["id"]], 1)
        earlier = board(api, at - 2 * BRIEF, kind=kind)
        assert (ids(earlier), earlier["total"]) == ([gone[index]["id"]], 1)
    other = next(kind for kind in KINDS if kind not in kinds)
    assert board(api, at, kind=other)["items"] == []
    assert sorted(ids(board(api, at))) == sorted(notice["id"] for notice in current)


@covers("C-25", "C-21")
@fail_to_pass
def test_without_fallback_other_languages_are_left_out(api: Api, rng: Random) -> None:
    at = sometime(rng)
    english_only, french_only, both = (
        publish(api, body(rng, at - timedelta(seconds=index), at + BRIEF, languages))
        for index, languages in enumerate((("en",), ("fr",), ("fr", "en")))
    )
    page = board(api, at, fallback="false")
    assert (ids(page), page["total"]) == ([english_only["id"], both["id"]], 2)
    assert page["summary"] == "2 published notices"
    translated = board(api, at, FRENCH, fallback="false")
    assert (ids(translated), translated["total"]) == ([french_only["id"], both["id"]], 2)
    assert [item["language"] for item in translated["items"]] == ["fr", "fr"]
    assert ids(board(api, at, fallback="false", lang="fr")) == ids(translated)
    assert ids(board(api, at, fallback="false", lang="fr", size=1, page=2)) == [both["id"]]
    for params in ({}, {"fallback": "true"}):
        assert board(api, at, **params)["total"] == 3


@covers("S-11")
@fail_to_pass
def test_a_page_takes_the_same_queries_whatever_its_size(api: Api, rng: Random, queries: Queries) -> None:
    at = sometime(rng)
    for index in range(12):
        publish(api, body(rng, at, at + BRIEF, (("en",), ("fr",), ("en", "fr"))[index % 3]))
    counts = []
    for size in (1, 4, 12):
        with queries.counted() as counted:
            assert len(board(api, at, size=size)["items"]) == size
        counts.append(counted.count)
    assert len(set(counts)) == 1, counts
