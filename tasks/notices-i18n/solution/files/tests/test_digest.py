import pytest

FR = {"title": "Marché", "body": "Il ouvre à 9 h."}
AT = "2024-05-08T08:00:00Z"


async def publish(client, count):
    body = {"kind": "bylaw", "publish_from": "2024-05-01T08:00:00Z", "translations": {"fr": FR}}
    for _ in range(count):
        assert (await client.post("/api/notices", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("gender", "greeting", "summary"),
    [
        ("female", "Bonjour Madame Colette Aubry,", "Vous êtes abonnée : 1 avis publié"),
        ("male", "Bonjour Monsieur Colette Aubry,", "Vous êtes abonné : 1 avis publié"),
        ("neutral", "Bonjour Colette Aubry,", "Votre abonnement : 1 avis publié"),
    ],
)
async def test_the_digest_fits_the_person(client, make_subscriber, gender, greeting, summary):
    person = await make_subscriber(gender=gender)
    await publish(client, 1)

    digest = await client.get(f"/api/subscribers/{person['id']}/digest", params={"at": AT})

    assert digest.json()["greeting"] == greeting
    assert digest.json()["summary"] == f"{summary} en 7 jours."
    assert digest.json()["items"][0]["label"] == "arrêté publié"


async def test_the_digest_shows_five_and_counts_all(client, make_subscriber):
    path = f"/api/subscribers/{(await make_subscriber())['id']}/digest"
    await publish(client, 6)

    digest = (await client.get(path, params={"at": AT, "lang": "en"})).json()

    assert len(digest["items"]) == 5
    assert digest["summary"] == "You are subscribed: 6 published notices in 7 days."
    later = (await client.get(path, params={"at": "2024-05-08T08:00:01Z"})).json()
    assert later["items"] == []
