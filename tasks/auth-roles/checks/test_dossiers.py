"""Whose dossiers are whose, and who may do what with them."""

from random import Random
from typing import Any

from support import (
    ACCOUNTS,
    DOSSIER_FIELDS,
    DOSSIERS,
    ME,
    Person,
    attempt,
    chief,
    everything,
    invalid,
    log_in,
    make_dossier,
    moment,
    one,
    person,
    refused,
    registration,
    regular,
    secret,
    stranger,
    unknown_id,
    word,
)

from graders.testkit import Api, covers, fail_to_pass, pass_to_pass

IMPORTED = "00000000-0000-4000-8000-0000000000{:02d}"
CLAIRE, JEAN = "claire.dubois@etude.example.org", "jean.martin@etude.example.org"
INES, REGISTER = "ines.kerboul@conseil.example.org", "register@greffe.example.org"
OWNERS = [CLAIRE, JEAN, CLAIRE, REGISTER, REGISTER, REGISTER, INES, JEAN]
"""Owners of the dossiers of the paper register, in their order."""
TITLES = [
    "Succession Dubois", "Vente parcelle 118", "Bail commercial Delaunay", "Servitude de passage", "Partage Le Goff",
    "Donation Petit", "Statuts Kerboul SARL", "Usucapion Moulin Neuf",
]  # fmt: skip


@covers("C-31", "C-39")
@pass_to_pass
def test_operations_need_no_log_in(replicas: tuple[Api, ...]) -> None:
    for api in replicas:
        assert api.get("/health").expect(200).json() == {"status": "ok"}
        assert api.get("/ready").expect(200).json() == {"status": "ready"}
        assert "paths" in api.get("/openapi.json").expect(200).json()


@covers("C-39", "C-40")
@pass_to_pass
def test_what_is_not_there_answers_as_before(api: Api) -> None:
    refused(api.get("/api/nothing"), 404, "not_found")
    refused(api.put("/health", {}), 405, "method_not_allowed")


@covers("C-31", "C-41")
@fail_to_pass
def test_the_register_needs_a_log_in(api: Api, rng: Random) -> None:
    dossier = make_dossier(regular(api, rng).session, rng)
    for path in (one(dossier), f"{DOSSIERS}/{unknown_id(rng)}", f"{DOSSIERS}/{word(rng)}"):
        stranger(api.get(path))
        stranger(api.patch(path, {"title": word(rng)}))
        stranger(api.patch(path, {"title": ""}))
        stranger(api.delete(path))
        stranger(api.get(f"{path}/notes"))
        stranger(api.post(f"{path}/notes", {"text": word(rng)}))
        stranger(api.post(f"{path}/notes", {}))
    stranger(api.get(DOSSIERS))
    stranger(api.get(DOSSIERS, {"limit": 0}))
    stranger(api.post(DOSSIERS, {"title": word(rng), "category": "land"}))
    stranger(api.post(DOSSIERS, {}))


@covers("C-32", "C-33")
@fail_to_pass
def test_a_dossier_belongs_to_who_makes_it(api: Api, rng: Random) -> None:
    for role in ("member", "auditor", "admin"):
        someone = person(api, rng, role)
        title = word(rng)
        reply = someone.session.post(DOSSIERS, {"title": f" {title} ", "category": "family"})
        dossier = reply.expect(201).json()
        assert set(dossier) == DOSSIER_FIELDS
        assert (dossier["owner_id"], dossier["owner_email"]) == (someone.id, someone.email)
        assert (dossier["title"], dossier["category"], dossier["status"]) == (title, "family", "open")
        assert type(dossier["number"]) is int
        moment(dossier["created_at"])
        assert reply.headers.get("location", "").endswith(one(dossier))
        assert someone.session.get(one(dossier)).expect(200).json() == dossier
        listed = someone.session.get(DOSSIERS, {"owner_id": someone.id}).expect(200).json()
        assert (listed["items"], listed["total"]) == ([dossier], 1)


@covers("C-33")
@fail_to_pass
def test_nobody_sends_an_owner(api: Api, rng: Random) -> None:
    victim = person(api, rng)
    for role in ("member", "auditor", "admin"):
        someone = regular(api, rng, role)
        before = everything(someone.session, DOSSIERS, owner_id=someone.id)
        dossier = make_dossier(someone.session, rng)
        body = {"title": word(rng), "category": "land"}
        foreign: dict[str, Any] = {
            "owner_id": victim.id, "owner_email": victim.email, "owner": victim.id, "id": unknown_id(rng), "number": 1,
        }  # fmt: skip
        for field, value in foreign.items():
            for sent in (value, None):
                invalid(someone.session.post(DOSSIERS, {**body, field: sent}), field)
                invalid(someone.session.patch(one(dossier), {"title": word(rng), field: sent}), field)
        assert everything(someone.session, DOSSIERS, owner_id=someone.id) == [dossier, *before]
    assert everything(victim.session, DOSSIERS) == []


@covers("C-34", "C-41")
@fail_to_pass
def test_a_member_does_not_see_what_belongs_to_others(api: Api, rng: Random) -> None:
    someone = regular(api, rng, desk="next")
    for role in ("member", "auditor", "admin"):
        owner = regular(api, rng, role)
        dossier = make_dossier(owner.session, rng)
        owner.session.post(f"{one(dossier)}/notes", {"text": word(rng)}).expect(201)
        notes = owner.session.get(f"{one(dossier)}/notes").expect(200).json()
        unknown = someone.session.get(f"{DOSSIERS}/{unknown_id(rng)}")
        expected = refused(unknown, 404, "dossier_not_found")
        for path in (one(dossier), f"{DOSSIERS}/{unknown_id(rng)}"):
            for reply in (
                someone.session.get(path),
                someone.session.patch(path, {"title": word(rng)}),
                someone.session.patch(path, {}),
                someone.session.delete(path),
                someone.session.get(f"{path}/notes"),
                someone.session.post(f"{path}/notes", {"text": word(rng)}),
            ):
                assert refused(reply, 404, "dossier_not_found") == expected
        invalid(someone.session.patch(one(dossier), {"title": ""}), "title")
        invalid(someone.session.post(f"{one(dossier)}/notes", {"text": ""}), "text")
        assert owner.session.get(one(dossier)).expect(200).json() == dossier
        assert owner.session.get(f"{one(dossier)}/notes").expect(200).json() == notes


@covers("C-34", "C-35", "C-41")
@fail_to_pass
def test_an_auditor_reads_everything_and_changes_nothing_of_others(api: Api, rng: Random) -> None:
    auditor = regular(api, rng, "auditor", desk="next")
    for role in ("member", "auditor", "admin"):
        owner = regular(api, rng, role)
        dossier = make_dossier(owner.session, rng)
        owner.session.post(f"{one(dossier)}/notes", {"text": word(rng)}).expect(201)
        notes = owner.session.get(f"{one(dossier)}/notes").expect(200).json()
        assert auditor.session.get(one(dossier)).expect(200).json() == dossier
        assert auditor.session.get(f"{one(dossier)}/notes").expect(200).json() == notes
        refused(auditor.session.patch(one(dossier), {"title": word(rng)}), 403, "forbidden")
        refused(auditor.session.patch(one(dossier), {"status": "closed"}), 403, "forbidden")
        refused(auditor.session.delete(one(dossier)), 403, "forbidden")
        refused(auditor.session.post(f"{one(dossier)}/notes", {"text": word(rng)}), 403, "forbidden")
        invalid(auditor.session.patch(one(dossier), {"status": "lost"}), "status")
        assert owner.session.get(one(dossier)).expect(200).json() == dossier
        assert owner.session.get(f"{one(dossier)}/notes").expect(200).json() == notes
    refused(auditor.session.delete(f"{DOSSIERS}/{unknown_id(rng)}"), 404, "dossier_not_found")
    refused(auditor.session.patch(f"{DOSSIERS}/{unknown_id(rng)}", {"title": "x"}), 404, "dossier_not_found")


def changes_all(someone: Person, dossier: dict[str, Any], rng: Random) -> None:
    """This person may do everything with the dossier, and it keeps its owner."""
    session, path, title = someone.session, one(dossier), word(rng)
    changed = session.patch(path, {"title": title, "status": "closed"}).expect(200).json()
    assert moment(changed["updated_at"]) > moment(dossier["updated_at"])
    expected = {**dossier, "title": title, "status": "closed", "updated_at": changed["updated_at"]}
    assert changed == expected
    assert session.patch(path, {}).expect(200).json() == expected
    assert session.get(path).expect(200).json() == expected
    text = word(rng)
    note = session.post(f"{path}/notes", {"text": f" {text} "}).expect(201).json()
    assert set(note) == {"id", "text", "author_id", "created_at"}
    assert (note["text"], note["author_id"]) == (text, someone.id)
    assert note in session.get(f"{path}/notes").expect(200).json()["items"]
    assert session.delete(path).expect(204).body == b""
    refused(session.get(path), 404, "dossier_not_found")
    refused(session.get(f"{path}/notes"), 404, "dossier_not_found")
    refused(session.delete(path), 404, "dossier_not_found")


@covers("C-35", "C-37")
@fail_to_pass
def test_owners_do_everything_with_their_dossiers(api: Api, rng: Random) -> None:
    for role in ("member", "auditor", "admin"):
        someone = regular(api, rng, role)
        changes_all(someone, make_dossier(someone.session, rng), rng)


@covers("C-35", "C-37", "C-34")
@fail_to_pass
def test_admins_do_everything_with_all_dossiers(api: Api, rng: Random) -> None:
    admin = regular(api, rng, "admin", desk="next")
    for role in ("member", "auditor", "admin"):
        changes_all(admin, make_dossier(regular(api, rng, role).session, rng), rng)


@covers("C-36", "C-34", "C-44")
@fail_to_pass
def test_lists_hold_what_one_sees_and_nothing_else(replicas: tuple[Api, ...], rng: Random) -> None:
    api = replicas[0]
    people = {role: person(api, rng, role) for role in ("member", "auditor", "admin")}
    made = {role: [make_dossier(someone.session, rng) for _ in range(3)] for role, someone in people.items()}
    mine = made["member"][::-1]
    for replica in replicas:
        page = people["member"].session.on(replica).get(DOSSIERS).expect(200).json()
        assert (page["items"], page["total"], page["limit"], page["offset"]) == (mine, 3, 20, 0)
    page = people["member"].session.get(DOSSIERS, {"limit": 2, "offset": 1}).expect(200).json()
    assert (page["items"], page["total"]) == (mine[1:], 3)
    every = [dossier for dossiers in made.values() for dossier in dossiers]
    for role in ("auditor", "admin"):
        listed = everything(people[role].session, DOSSIERS)
        assert [dossier for dossier in listed if dossier in every] == every[::-1]
        numbers = [dossier["number"] for dossier in listed]
        assert numbers == sorted(numbers, reverse=True)
        assert {IMPORTED.format(number) for number in range(1, 9)} <= {dossier["id"] for dossier in listed}


@covers("C-36", "C-39")
@fail_to_pass
def test_lists_are_filtered_within_what_one_sees(api: Api, rng: Random) -> None:
    owner, other, auditor = person(api, rng), person(api, rng), regular(api, rng, "auditor")
    land, civil, closed = (make_dossier(owner.session, rng, category=name) for name in ("land", "civil", "land"))
    closed = owner.session.patch(one(closed), {"status": "closed"}).expect(200).json()
    foreign = make_dossier(other.session, rng, category="land")
    for session in (owner.session, auditor.session, chief(api)):
        for wish, expected in (
            ({}, [closed, civil, land]),
            ({"category": "land"}, [closed, land]),
            ({"status": "open"}, [civil, land]),
            ({"category": "land", "status": "closed"}, [closed]),
            ({"category": "family"}, []),
            ({"limit": 1, "offset": 1}, [civil]),
        ):
            page = session.get(DOSSIERS, {**wish, "owner_id": owner.id}).expect(200).json()
            assert page["items"] == expected, wish
            assert page["total"] == (3 if "limit" in wish else len(expected))
    assert everything(owner.session, DOSSIERS, owner_id=other.id) == []
    assert everything(owner.session, DOSSIERS, owner_id=unknown_id(rng)) == []
    assert everything(auditor.session, DOSSIERS, owner_id=unknown_id(rng)) == []
    assert everything(auditor.session, DOSSIERS, owner_id=other.id) == [foreign]
    assert everything(owner.session, DOSSIERS, category="land") == [closed, land]
    for name, value in (("owner_id", "7"), ("limit", "0"), ("limit", "101"), ("status", "lost"), ("category", "x")):
        invalid(auditor.session.get(DOSSIERS, {name: value}), name)


@covers("C-37", "C-39")
@fail_to_pass
def test_notes_name_their_authors(api: Api, rng: Random) -> None:
    owner, admin = regular(api, rng), regular(api, rng, "admin")
    path = f"{one(make_dossier(owner.session, rng))}/notes"
    made = [someone.session.post(path, {"text": word(rng)}).expect(201).json() for someone in (owner, admin, owner)]
    assert [note["author_id"] for note in made] == [owner.id, admin.id, owner.id]
    page = owner.session.get(path).expect(200).json()
    assert page == {"items": made, "total": 3, "limit": 20, "offset": 0}
    second = admin.session.get(path, {"limit": 1, "offset": 1}).expect(200).json()
    assert second == {"items": made[1:2], "total": 3, "limit": 1, "offset": 1}
    for field in ("author_id", "dossier_id", "id"):
        invalid(owner.session.post(path, {"text": word(rng), field: admin.id}), field)


@covers("C-38", "C-32", "C-37")
@fail_to_pass
def test_the_paper_register_has_owners(api: Api) -> None:
    admin = chief(api)
    accounts = {account["email"]: account for account in everything(admin, ACCOUNTS)}
    for number, (email, title) in enumerate(zip(OWNERS, TITLES, strict=True), 1):
        dossier = admin.get(f"{DOSSIERS}/{IMPORTED.format(number)}").expect(200).json()
        assert set(dossier) == DOSSIER_FIELDS
        assert (dossier["title"], dossier["owner_email"]) == (title, email)
        assert dossier["owner_id"] == accounts[email]["id"]
        assert moment(dossier["updated_at"]) == moment(dossier["created_at"])
    notes = admin.get(f"{DOSSIERS}/{IMPORTED.format(1)}/notes").expect(200).json()
    assert [(note["text"], note["author_id"]) for note in notes["items"]] == [
        ("Entered from the paper register.", None)
    ]


@covers("C-38", "C-17", "C-07")
@fail_to_pass
def test_owners_from_before_are_members_whose_addresses_are_taken(api: Api, rng: Random) -> None:
    accounts = {account["email"]: account for account in everything(chief(api), ACCOUNTS)}
    names = {CLAIRE: "claire.dubois", JEAN: "jean.martin", INES: "ines.kerboul", REGISTER: "Register"}
    for email, name in names.items():
        account = accounts[email]
        assert (account["name"].lower(), account["role"], account["active"]) == (name.lower(), "member", True)
        refused(api.post(ACCOUNTS, registration(rng, email=email.upper())), 409, "email_taken")
    refused(attempt(api, CLAIRE, secret(rng)), 401, "login_failed")


@covers("C-38", "C-10", "C-34")
@fail_to_pass
def test_with_a_password_an_owner_from_before_logs_in(api: Api, rng: Random) -> None:
    admin, password = chief(api), secret(rng)
    account = next(account for account in everything(admin, ACCOUNTS) if account["email"] == INES)
    admin.patch(f"{ACCOUNTS}/{account['id']}", {"password": password}).expect(200)
    session = log_in(api, INES, password)
    assert session.get(ME).expect(200).json() == account
    assert [dossier["id"] for dossier in everything(session, DOSSIERS)] == [IMPORTED.format(7)]
    refused(session.get(f"{DOSSIERS}/{IMPORTED.format(1)}"), 404, "dossier_not_found")


@covers("C-39", "C-41")
@fail_to_pass
def test_the_other_rules_of_dossiers_and_notes_stay(api: Api, rng: Random) -> None:
    session = regular(api, rng).session
    first, dossier = make_dossier(session, rng), make_dossier(session, rng, title="é" * 160, category="civil")
    assert dossier["number"] > first["number"]
    wrong: list[tuple[str, Any]] = [
        ("title", " "), ("title", "é" * 161), ("title", "a\x00b"), ("title", None),
        ("category", "x"), ("category", None),
    ]  # fmt: skip
    for field, value in wrong:
        invalid(session.post(DOSSIERS, {"title": "x", "category": "land", field: value}), field)
        invalid(session.patch(one(dossier), {field: value}), field)
    invalid(session.post(DOSSIERS, {"title": "x", "category": "land", "status": "closed"}), "status")
    invalid(session.patch(one(dossier), {"status": "lost"}), "status")
    invalid(session.get(f"{DOSSIERS}/{word(rng)}"), "dossier_id")
    path = f"{one(dossier)}/notes"
    for text in ("", " ", "é" * 2001, "a\x00b", None, 7):
        invalid(session.post(path, {"text": text}), "text")
    assert session.post(path, {"text": "é" * 2000}).expect(201).json()["text"] == "é" * 2000
    assert session.post(path, {"text": "a\n\tb"}).expect(201).json()["text"] == "a\n\tb"
    assert session.get(one(dossier)).expect(200).json() == dossier
