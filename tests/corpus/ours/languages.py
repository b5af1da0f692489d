"""Two languages and the keys of answers: texts that one language lacks, keys that follow it, and what is fine."""

from __future__ import annotations

from corpus.labels import LabelledCase, counted, labelled
from graders.rulekit import BASE, START, case

BILINGUAL = {
    **BASE,
    "app/locales/en.json": '{"items": {"added": "The item was added."}}',
    "app/locales/fr.json": '{"items": {"added": "L\'article a été ajouté."}}',
}
SEED = """from alembic import op

from app.tables import kinds


def upgrade() -> None:
    op.bulk_insert(kinds, [{0}])
"""
PARK = '{"label_en": "City park", "label_fr": "Parc de la ville"}'
ANSWERS = """from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.i18n import gettext

router = APIRouter()


class {name}(BaseModel):
    title: str
    {field}


@router.post("/items")
async def add_item(item: Item) -> {answer}:
    {body}
"""


def _catalogues(en: str, fr: str) -> dict[str, str]:
    return {"app/locales/en.json": en, "app/locales/fr.json": fr}


def _route(
    field: str = "count: int", body: str = "return item", name: str = "Item", answer: str = "Item"
) -> dict[str, str]:
    return {"app/items.py": ANSWERS.format(name=name, field=field, body=body, answer=answer)}


TEXTS: tuple[LabelledCase, ...] = (
    labelled(
        "languages: a message for the French only",
        case(
            *START,
            base=BILINGUAL,
            files=_catalogues(
                '{"items": {"added": "The item was added."}}',
                '{"items": {"added": "L\'article a été ajouté.", "gone": "L\'article n\'existe plus."}}',
            ),
        ),
        S3="fail",
        S11="fail",
    ),
    labelled(
        "languages: a message that nobody translated",
        case(
            *START,
            base=BILINGUAL,
            files=_catalogues(
                '{"items": {"added": "The item was added.", "gone": "This item is not there any more."}}',
                '{"items": {"added": "L\'article a été ajouté.", "gone": "This item is not there any more."}}',
            ),
        ),
        S3="fail",
        S11="pass",
    ),
    labelled(
        "languages: a message in both, in another order",
        case(
            *START,
            base=BILINGUAL,
            files=_catalogues(
                '{"items": {"gone": "This item is gone.", "added": "The item was added."}}',
                '{"items": {"added": "L\'article a été ajouté.", "gone": "Cet article n\'existe plus."}}',
            ),
        ),
        honest=True,
        S3="pass",
        S11="pass",
    ),
    labelled(
        "languages: a product keeps its name",
        case(
            *START,
            base=BILINGUAL,
            files=_catalogues(
                '{"items": {"added": "The item was added.", "brand": "Atelier Rivemont Classic"}}',
                '{"items": {"added": "L\'article a été ajouté.", "brand": "Atelier Rivemont Classic"}}',
            ),
        ),
        honest=True,
        S3="pass",
    ),
    labelled(
        "languages: an English text is corrected",
        case(
            *START,
            base=BILINGUAL,
            files={"app/locales/en.json": '{"items": {"added": "The item has been added."}}'},
        ),
        honest=True,
        S3="pass",
    ),
    counted(
        labelled(
            "languages: a seed row without English",
            case(
                *START,
                files={
                    "migrations/versions/0002_kinds.py": SEED.replace(
                        "{0}", f'{PARK}, {{"label_en": "", "label_fr": "Salle des fêtes"}}'
                    )
                },
            ),
            S3="fail",
        ),
        S3=2,
    ),
    labelled(
        "languages: seed rows in both, one word the same",
        case(
            *START,
            files={
                "migrations/versions/0002_kinds.py": SEED.replace(
                    "{0}", f'{PARK}, {{"label_en": "Parking", "label_fr": "Parking"}}'
                )
            },
        ),
        honest=True,
        S3="pass",
    ),
    labelled(
        "languages: subscribers who read French",
        case(
            *START,
            files={
                "migrations/0002_people.sql": "INSERT INTO subscribers (name, language) VALUES\n"
                "    ('Inès Le Goff', 'fr'), ('Dana Roy', 'en'), ('Luc du Bois', 'fr');\n"
            },
        ),
        honest=True,
        S3="not_applicable",
    ),
)

KEYS: tuple[LabelledCase, ...] = (
    labelled(
        "keys: a caption from the catalogue",
        case(*START, files=_route(body='return {gettext("count"): 1}')),
        S12="fail",
    ),
    labelled("keys: an accent in a field", case(*START, files=_route(field="quantité: int")), S12="fail"),
    labelled(
        "keys: an accent in an alias",
        case(*START, files=_route(field='size: int = Field(alias="mesurée")')),
        S12="fail",
    ),
    labelled(
        "keys: English ones with translated values",
        case(*START, files=_route(body='return {"title": gettext("items.title"), "count": 1}')),
        honest=True,
        S12="pass",
    ),
    labelled(
        "keys: an open-data service answers in French",
        case(
            *START,
            files={
                "app/geo.py": "from pydantic import BaseModel\n\n\nclass Commune(BaseModel):\n    département: str\n"
            },
        ),
        honest=True,
        S12="not_applicable",
    ),
    labelled(
        "keys: the team served this one before",
        case(
            *START,
            base={**BASE, "app/old.py": 'OLD = {"durée": 1}\n'},
            files=_route(field="durée: int"),
        ),
        honest=True,
        S12="pass",
    ),
)

CASES = (*TEXTS, *KEYS)
