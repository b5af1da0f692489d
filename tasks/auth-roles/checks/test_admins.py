"""What admins do with accounts, and the first of them."""

from random import Random
from typing import Any

from support import (
    ACCOUNT_FIELDS,
    ACCOUNTS,
    CHIEF,
    DOSSIERS,
    ME,
    attempt,
    chief,
    everything,
    invalid,
    log_in,
    make_dossier,
    one,
    person,
    refused,
    register,
    regular,
    secret,
    stranger,
    unknown_id,
    word,
)

from graders.testkit import Api, covers, fail_to_pass


@covers("C-09", "C-41")
@fail_to_pass
def test_accounts_are_listed_for_admins_only(api: Api, rng: Random) -> None:
    stranger(api.get(ACCOUNTS))
    for role in ("member", "auditor"):
        someone = regular(api, rng, role)
        refused(someone.session.get(ACCOUNTS), 403, "forbidden")
        refused(someone.session.get(ACCOUNTS, {"limit": 0}), 403, "forbidden")
    page = regular(api, rng, "admin").session.get(ACCOUNTS).expect(200).json()
    assert set(page) == {"items", "total", "limit", "offset"}
    assert (page["limit"], page["offset"]) == (20, 0)
    assert all(set(item) == ACCOUNT_FIELDS for item in page["items"])


@covers("C-09")
@fail_to_pass
def test_accounts_come_in_the_order_of_their_addresses(api: Api, rng: Random) -> None:
    tail = f"@{word(rng)}.example.org"
    heads = [f"{word(rng, 6)}{end}" for end in ("", "-b", ".b", "0", "b", "_b") for _ in range(4)]
    rng.shuffle(heads)
    mine = [register(api, rng, email=head + tail)[0] for head in heads[:12]]
    admin = chief(api)
    listed = everything(admin, ACCOUNTS)
    emails = [account["email"] for account in listed]
    assert emails == sorted(emails)
    assert [account for account in listed if account["email"].endswith(tail)] == sorted(
        mine, key=lambda account: account["email"]
    )
    first, second = (admin.get(ACCOUNTS, {"limit": 5, "offset": offset}).expect(200).json() for offset in (0, 5))
    assert first["items"] + second["items"] == listed[:10]
    assert (second["total"], second["limit"], second["offset"]) == (len(listed), 5, 5)
    assert len(admin.get(ACCOUNTS).expect(200).json()["items"]) == min(20, len(listed))


@covers("C-09")
@fail_to_pass
def test_accounts_are_filtered_by_role_and_state(api: Api, rng: Random) -> None:
    admin = chief(api)
    people = {
        (role, active): register(api, rng, role)[0]["id"]
        for role in ("member", "auditor", "admin")
        for active in (True, False)
    }
    for (_, active), account_id in people.items():
        admin.patch(f"{ACCOUNTS}/{account_id}", {"active": active}).expect(200)
    wishes: list[dict[str, Any]] = [{"role": role} for role in ("member", "auditor", "admin")]
    wishes += [{"active": active} for active in ("true", "false")]
    wishes += [{"role": "auditor", "active": "true"}, {"role": "member", "active": "false"}]
    mine = set(people.values())
    for wish in wishes:
        found = {account["id"] for account in everything(admin, ACCOUNTS, **wish)} & mine
        assert found == {
            account_id
            for (role, active), account_id in people.items()
            if wish.get("role", role) == role and wish.get("active", str(active).lower()) == str(active).lower()
        }, wish


@covers("C-09")
@fail_to_pass
def test_parameters_of_the_list_have_their_limits(api: Api) -> None:
    admin = chief(api)
    wrong = [
        ("limit", "0"), ("limit", "101"), ("limit", "x"), ("offset", "-1"), ("offset", "1000001"),
        ("role", "root"), ("role", "Admin"), ("active", "maybe"),
    ]  # fmt: skip
    for name, value in wrong:
        invalid(admin.get(ACCOUNTS, {name: value}), name)
    last = admin.get(ACCOUNTS, {"limit": 100, "offset": 1_000_000}).expect(200).json()
    assert (last["items"], last["limit"], last["offset"]) == ([], 100, 1_000_000)


@covers("C-10")
@fail_to_pass
def test_a_change_touches_what_is_sent_and_nothing_else(api: Api, rng: Random) -> None:
    admin, someone = chief(api), person(api, rng)
    now = dict(someone.account)
    changes: list[dict[str, Any]] = [
        {"role": "auditor"}, {"active": False}, {"active": True}, {"role": "admin", "active": False},
        {"role": "member", "active": True, "password": secret(rng)}, {"password": secret(rng)}, {},
    ]  # fmt: skip
    password = someone.password
    for change in changes:
        password = change.get("password", password)
        now |= {name: value for name, value in change.items() if name != "password"}
        assert admin.patch(someone.path, change).expect(200).json() == now
        assert next(item for item in everything(admin, ACCOUNTS) if item["id"] == someone.id) == now
    assert log_in(api, someone.email, password).get(ME).expect(200).json() == now


@covers("C-10", "C-14")
@fail_to_pass
def test_an_empty_change_changes_nothing(api: Api, rng: Random) -> None:
    admin, someone = person(api, rng, "admin"), person(api, rng)
    assert admin.session.patch(someone.path, {}).expect(200).json() == someone.account
    assert someone.session.alive()
    assert admin.session.patch(admin.path, {}).expect(200).json() == admin.account
    assert admin.session.alive()


@covers("C-10")
@fail_to_pass
def test_a_change_that_is_not_allowed_is_refused(api: Api, rng: Random) -> None:
    admin, someone = chief(api), person(api, rng)
    wrong = [
        ("role", "root"), ("role", "Admin"), ("role", None), ("role", ["admin"]), ("active", None), ("active", "false"),
        ("active", 0), ("active", 1), ("active", "yes"), ("password", None), ("password", word(rng, 11)),
        ("password", word(rng, 129)), ("password", 123456789012), ("email", f"{word(rng)}@x.example.org"),
        ("name", word(rng)), ("id", unknown_id(rng)), ("created_at", someone.account["created_at"]),
        ("password_hash", word(rng, 30)),
    ]  # fmt: skip
    for field, value in wrong:
        other = {"role": "auditor"} if field != "role" else {"active": False}
        invalid(admin.patch(someone.path, {**other, field: value}), field)
    refused(admin.patch(someone.path, [{"role": "auditor"}]), 422, "invalid_request")
    assert someone.session.get(ME).expect(200).json() == someone.account
    log_in(api, someone.email, someone.password)


@covers("C-10", "C-41")
@fail_to_pass
def test_an_account_that_does_not_exist_is_not_found(api: Api, rng: Random) -> None:
    admin = chief(api)
    for change in ({}, {"role": "member"}, {"active": False}, {"password": secret(rng)}):
        refused(admin.patch(f"{ACCOUNTS}/{unknown_id(rng)}", change), 404, "account_not_found")
    invalid(admin.patch(f"{ACCOUNTS}/{unknown_id(rng)}", {"role": "root"}), "role")
    invalid(admin.patch(f"{ACCOUNTS}/{word(rng)}", {"role": "member"}), "account_id")


@covers("C-10", "C-41")
@fail_to_pass
def test_only_admins_change_accounts(api: Api, rng: Random) -> None:
    victim = person(api, rng)
    for role in ("member", "auditor"):
        someone = person(api, rng, role)
        for path in (victim.path, someone.path, f"{ACCOUNTS}/{unknown_id(rng)}"):
            for change in ({"role": "admin"}, {"password": secret(rng)}, {"active": False}, {}, {"role": "root"}):
                refused(someone.session.patch(path, change), 403, "forbidden")
        assert someone.session.get(ME).expect(200).json() == someone.account
    stranger(api.patch(victim.path, {"role": "admin"}))
    assert victim.session.get(ME).expect(200).json() == victim.account


@covers("C-11", "C-44")
@fail_to_pass
def test_a_new_role_counts_from_the_next_request_on(replicas: tuple[Api, ...], rng: Random) -> None:
    api, other = replicas
    admin, owner, someone = chief(api), person(api, rng), person(api, rng)
    dossier = make_dossier(owner.session, rng)
    expected = {"auditor": (200, 403, 403), "admin": (200, 200, 200), "member": (404, 404, 403)}
    for role, (reads, changes, lists) in expected.items():
        admin.patch(someone.path, {"role": role}).expect(200)
        for replica in (other, api):
            session = someone.session.on(replica)
            assert session.get(ME).expect(200).json()["role"] == role
            session.get(one(dossier)).expect(reads)
            session.patch(one(dossier), {"title": word(rng)}).expect(changes)
            session.get(ACCOUNTS).expect(lists)
            seen = {item["id"] for item in everything(session, DOSSIERS, owner_id=owner.id)}
            assert seen == (set() if role == "member" else {dossier["id"]})


@covers("C-12", "C-17", "C-22", "C-44")
@fail_to_pass
def test_switching_off_ends_all_sessions_for_good(replicas: tuple[Api, ...], rng: Random) -> None:
    api, other = replicas
    admin, someone, bystander = chief(api), person(api, rng), person(api, rng)
    sessions = [someone.session, log_in(other, someone.email, someone.password)]
    admin.patch(someone.path, {"active": False}).expect(200)
    for session in sessions:
        stranger(session.on(other).get(ME))
        stranger(session.on(api).get(DOSSIERS))
        refused(session.refresh(), 401, "token_invalid")
    refused(attempt(other, someone.email, someone.password), 401, "login_failed")
    admin.patch(someone.path, {"active": True}).expect(200)
    for session in sessions:
        stranger(session.on(other).get(ME))
        refused(session.refresh(), 401, "token_invalid")
    assert log_in(other, someone.email, someone.password).alive()
    assert bystander.session.alive()


@covers("C-12", "C-13")
@fail_to_pass
def test_other_changes_leave_sessions_alone(api: Api, rng: Random) -> None:
    admin, someone = chief(api), person(api, rng)
    for change in ({"role": "auditor"}, {"active": True}, {"role": "member", "active": True}, {}):
        admin.patch(someone.path, change).expect(200)
        assert someone.session.alive(), change
    assert someone.session.refreshed().alive()


@covers("C-13", "C-44")
@fail_to_pass
def test_a_new_password_counts_at_once_and_ends_sessions(replicas: tuple[Api, ...], rng: Random) -> None:
    api, other = replicas
    admin, someone, bystander = chief(api), person(api, rng), person(api, rng)
    sessions, password = [someone.session, log_in(other, someone.email, someone.password)], f" {secret(rng)} "
    admin.patch(someone.path, {"password": password}).expect(200)
    for session in sessions:
        stranger(session.on(other).get(ME))
        refused(session.refresh(), 401, "token_invalid")
    refused(attempt(other, someone.email, someone.password), 401, "login_failed")
    refused(attempt(other, someone.email, password.strip()), 401, "login_failed")
    assert log_in(other, someone.email, password).alive()
    assert bystander.session.alive()


@covers("C-13", "C-14")
@fail_to_pass
def test_an_admin_may_change_their_own_password(api: Api, rng: Random) -> None:
    admin, password = person(api, rng, "admin"), secret(rng)
    assert admin.session.patch(admin.path, {"password": password}).expect(200).json() == admin.account
    stranger(admin.session.get(ME))
    refused(admin.session.refresh(), 401, "token_invalid")
    refused(attempt(api, admin.email, admin.password), 401, "login_failed")
    assert log_in(api, admin.email, password).alive()


@covers("C-14", "C-41")
@fail_to_pass
def test_nobody_changes_their_own_role_or_state(api: Api, rng: Random) -> None:
    admin, password = person(api, rng, "admin"), secret(rng)
    for change in (
        {"role": "member"}, {"role": "admin"}, {"active": False}, {"active": True},
        {"role": "admin", "active": True}, {"role": "auditor", "password": password},
        {"active": True, "password": password},
    ):  # fmt: skip
        refused(admin.session.patch(admin.path, change), 409, "own_account")
    invalid(admin.session.patch(admin.path, {"role": "root"}), "role")
    assert admin.session.get(ME).expect(200).json() == admin.account
    refused(attempt(api, admin.email, password), 401, "login_failed")
    assert log_in(api, admin.email, admin.password).alive()


@covers("C-15", "C-16")
@fail_to_pass
def test_the_first_admin_is_there_once(replicas: tuple[Api, ...]) -> None:
    for api in replicas:
        own = chief(api).get(ME).expect(200).json()
        assert (own["email"], own["name"].lower()) == (CHIEF, "chief.clerk")
        assert (own["role"], own["active"]) == ("admin", True)
    assert [item for item in everything(chief(replicas[1]), ACCOUNTS) if item["email"] == CHIEF] == [own]
