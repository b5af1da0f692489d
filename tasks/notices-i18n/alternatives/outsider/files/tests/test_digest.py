import pytest

AT = "2024-12-08T08:00:00Z"
DIGEST = "/api/subscribers/1/digest"


@pytest.mark.parametrize(
    ("gender", "greeting", "subscription"),
    [
        ("female", "Bonjour Madame Colette Aubry,", "Vous êtes abonnée"),
        ("male", "Bonjour Monsieur Colette Aubry,", "Vous êtes abonné"),
        ("neutral", "Bonjour Colette Aubry,", "Votre abonnement"),
    ],
)
async def test_french_agrees_with_the_gender(
    client, make_subscriber, make_notice, gender, greeting, subscription
):
    await make_subscriber(gender=gender)

    told = []
    for _ in range(3):
        digest = (await client.get(DIGEST, params={"at": AT})).json()
        assert digest["greeting"] == greeting
        told.append(digest["summary"])
        await make_notice()

    counts = ["0 avis publié", "1 avis publié", "2 avis publiés"]
    assert told == [f"{subscription} : {count} en 7 jours." for count in counts]


@pytest.mark.parametrize(
    ("gender", "greeting"),
    [
        ("female", "Dear Ms {Colette},"),
        ("male", "Dear Mr {Colette},"),
        ("neutral", "Dear {Colette},"),
    ],
)
async def test_english(client, make_subscriber, make_notice, gender, greeting):
    await make_subscriber(gender=gender, name="{Colette}", language="en")
    empty = (await client.get(DIGEST, params={"at": AT})).json()
    await make_notice()
    one = (await client.get(DIGEST, params={"at": AT})).json()

    assert empty["greeting"] == one["greeting"] == greeting
    assert empty["summary"] == "You are subscribed: 0 published notices in 7 days."
    assert one["summary"] == "You are subscribed: 1 published notice in 7 days."


async def test_the_week_of_a_subscriber(client, make_subscriber, make_notice):
    await make_subscriber()
    await make_notice(publish_from="2024-12-01T07:59:59.999999Z")
    await make_notice("en", publish_from="2024-12-01T09:00:00+01:00")
    await make_notice(kind="bylaw", publish_from=AT)
    await make_notice(publish_from="2024-12-08T08:00:00.000001Z")
    await make_notice(publish_from="2024-12-07T08:00:00Z", publish_until=AT)

    headers = {"Accept-Language": "en"}
    response = await client.get(DIGEST, params={"at": AT}, headers=headers)

    assert response.headers["content-language"] == "fr"
    assert response.json() == {
        "subscriber_id": 1,
        "language": "fr",
        "greeting": "Bonjour Colette Aubry,",
        "summary": "Votre abonnement : 2 avis publiés en 7 jours.",
        "items": [
            {
                "id": 3,
                "label": "arrêté publié",
                "language": "fr",
                "title": "Marché de Noël",
                "publish_from": "2024-12-08T08:00:00Z",
            },
            {
                "id": 2,
                "label": "published announcement",
                "language": "en",
                "title": "Christmas market",
                "publish_from": "2024-12-01T08:00:00Z",
            },
        ],
    }
    english = await client.get(DIGEST, params={"at": AT, "lang": "en"})
    assert (english.json()["language"], english.headers["content-language"]) == ("en", "en")
    refused = await client.get(DIGEST, headers={"Accept-Language": "*;q=0"})
    assert (refused.status_code, refused.json()["language"]) == (200, "fr")


async def test_five_items_and_all_counted(client, make_subscriber, make_notice):
    await make_subscriber()
    for _ in range(7):
        await make_notice()

    digest = (await client.get(DIGEST, params={"at": AT})).json()

    assert [item["id"] for item in digest["items"]] == [7, 6, 5, 4, 3]
    assert digest["summary"] == "Votre abonnement : 7 avis publiés en 7 jours."


async def test_errors_speak_the_language_of_the_request(client, make_subscriber):
    await make_subscriber()
    headers = {"Accept-Language": "de, fr;q=0.1, en;q=0.2"}

    missing = await client.get("/api/subscribers/2/digest", headers=headers)
    assert (missing.status_code, missing.json()["error"]) == (404, "subscriber_not_found")
    assert missing.headers["content-language"] == "en"
    french = await client.get("/api/subscribers/2/digest?lang=fr", headers=headers)
    assert french.json()["message"] == "Cette personne n'est pas abonnée."
    path = "/api/subscribers/0/digest?at=today&lang=de"
    invalid = await client.get(path, headers={"Accept-Language": "fr"})
    assert (invalid.status_code, invalid.headers["content-language"]) == (422, "fr")
    assert sorted(invalid.json()["fields"]) == ["at", "lang", "subscriber_id"]
