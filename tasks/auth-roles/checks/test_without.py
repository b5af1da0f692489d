"""What takes a service or a process away for a while. Last of the modules: the waits need them."""

from functools import partial
from random import Random

from support import (
    ACCOUNTS,
    AT_ONCE,
    CHIEF,
    CHIEFS_PASSWORD,
    DOSSIERS,
    FRENCH,
    LOGOUT,
    ME,
    Session,
    address,
    attempt,
    chief,
    everything,
    log_in,
    make_dossier,
    one,
    person,
    refused,
    registration,
    secret,
)

from graders.testkit import Api, Faults, covers, fail_to_pass, until


@covers("C-15")
@fail_to_pass
def test_a_start_leaves_the_first_admin_as_it_is(replicas: tuple[Api, ...], faults: Faults, rng: Random) -> None:
    api = replicas[0]
    admin, password = person(api, rng, "admin"), secret(rng)
    before = chief(api).get(ME).expect(200).json()
    path = f"{ACCOUNTS}/{before['id']}"
    try:
        expected = admin.session.patch(path, {"password": password, "role": "auditor"}).expect(200).json()
        for replica in range(len(replicas)):
            faults.restart(replica)
        assert log_in(api, CHIEF, password).get(ME).expect(200).json() == expected
        refused(attempt(api, CHIEF, CHIEFS_PASSWORD), 401, "login_failed")
    finally:
        admin.session.patch(path, {"password": CHIEFS_PASSWORD, "role": "admin"})
    assert [item for item in everything(admin.session, ACCOUNTS) if item["email"] == CHIEF] == [before]
    assert isinstance(chief(api), Session)


@covers("C-30", "C-40", "C-44")
@fail_to_pass
def test_without_valkey_only_log_in_is_unavailable(replicas: tuple[Api, ...], faults: Faults, rng: Random) -> None:
    api = replicas[0]
    someone, leaver = person(api, rng), person(api, rng)
    with faults.without("valkey"):
        for replica in replicas:
            plain = attempt(replica, someone.email, someone.password)
            french = attempt(replica, address(rng), secret(rng), FRENCH)
            message = refused(plain, 503, "unavailable")["message"]
            assert message == "The service is not available at the moment."
            message = refused(french, 503, "unavailable")["message"]
            assert message == "Le service n'est pas disponible pour le moment."
        assert someone.session.get(ME).expect(200).json() == someone.account
        dossier = make_dossier(someone.session, rng)
        assert someone.session.get(one(dossier)).expect(200).json() == dossier
        assert someone.session.get(DOSSIERS).expect(200).json()["items"] == [dossier]
        assert someone.session.refreshed().alive()
        leaver.session.post(LOGOUT).expect(204)
        api.post("/api/accounts", registration(rng)).expect(201)
    # Until none of the connections that the outage broke is left in either process.
    again = [partial(attempt, replicas[number % 2], address(rng), secret(rng)) for number in range(AT_ONCE)]
    until(lambda: {reply.status for reply in api.together(again)} <= {401, 429}, "log-in is available again")
    assert log_in(api, someone.email, someone.password).alive()
