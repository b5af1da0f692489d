"""Seeds and domain data in French and English.

The specs of this repo ask for both languages, so that no label hangs on whether the demand is relevant.
"""

from __future__ import annotations

from collections.abc import Mapping

from corpus.blind.pieces import FilesLeft, agreed, documents, text
from corpus.labels import LabelledCase, labelled
from graders.rulekit import BASE, CONTRACT, START, case

BILINGUAL_SPECS = """# Backend specs

- [S-01] Keep the layers.
- [S-02] Categories, equipment, floors, makers and zones are seeded; people read their labels and notes in French
  and in English.
- [S-03] Texts of the domain (states, subjects of mails) exist in French and in English.
"""
CATEGORY = text("""
    from sqlalchemy import ForeignKey
    from sqlalchemy.dialects.postgresql import JSONB
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


    class Base(DeclarativeBase):
        pass


    class Category(Base):
        __tablename__ = "categories"

        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str] = mapped_column(unique=True)
        label_en: Mapped[str]
        label_fr: Mapped[str | None]


    class Equipment(Base):
        __tablename__ = "equipment"

        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str]
        labels: Mapped[dict[str, str]] = mapped_column(JSONB)


    class EquipmentText(Base):
        __tablename__ = "equipment_texts"

        equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), primary_key=True)
        locale: Mapped[str] = mapped_column(primary_key=True)
        label: Mapped[str]
    """)
OLD_SEEDS = text("""
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.models import Category

    CATEGORIES = (
        Category(code="desk", label_en="Desk", label_fr="Bureau"),
        Category(code="booth", label_en="Phone booth", label_fr="Cabine téléphonique"),
    )


    async def seed(session: AsyncSession) -> None:
        session.add_all(CATEGORIES)
    """)
ENGLISH_SEEDS = text("""
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.models import Category

    CATEGORIES = (
        Category(code="desk", label_en="Desk", label_fr=None),
        Category(code="booth", label_en="Phone booth", label_fr=None),
    )


    async def seed(session: AsyncSession) -> None:
        session.add_all(CATEGORIES)
    """)
ROOMS: Mapping[str, str] = {
    **BASE,
    **documents(CONTRACT, BILINGUAL_SPECS),
    "app/models.py": CATEGORY,
    "app/locales/en.json": '{"rooms": {"not_found": "Room not found"}}\n',
    "app/locales/fr.json": '{"rooms": {"not_found": "Salle introuvable"}}\n',
}
SEEDS = "app/seeds.py"
REVISION = "migrations/versions/0002_categories.py"
OPENING = """from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"

"""


def _data(
    name: str,
    outcome: str,
    files: FilesLeft | str,
    *,
    base: Mapping[str, str] | None = None,
    honest: bool | None = None,
) -> LabelledCase:
    """A delivery to the rooms; a text alone is the module of their seeds."""
    left = {SEEDS: files} if isinstance(files, str) else files
    delivery = case(
        *START,
        base={**ROOMS, **(base or {})},
        files={path: None if code is None else text(code) for path, code in left.items()},
        on=agreed(CONTRACT, BILINGUAL_SPECS),
    )
    return labelled(f"data: {name}", delivery, honest=outcome != "fail" if honest is None else honest, S3=outcome)


ONE_LANGUAGE = (
    _data(
        "a migration leaves the French labels empty",
        "fail",
        {
            REVISION: OPENING
            + """
def upgrade() -> None:
    categories = sa.table("categories", sa.column("code"), sa.column("label_en"), sa.column("label_fr"))
    op.bulk_insert(
        categories,
        [
            {"code": "meeting", "label_en": "Meeting room", "label_fr": ""},
            {"code": "quiet", "label_en": "Quiet room", "label_fr": ""},
        ],
    )


def downgrade() -> None:
    op.execute("DELETE FROM categories WHERE code IN ('meeting', 'quiet')")
"""
        },
    ),
    _data(
        "texts by locale, of one locale",
        "fail",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Equipment, EquipmentText

        LABELS = {"screen": "Large screen", "board": "White board"}


        async def seed(session: AsyncSession) -> None:
            for number, (code, label) in enumerate(LABELS.items(), 1):
                session.add(Equipment(id=number, code=code, labels={}))
                session.add(EquipmentText(equipment_id=number, locale="en", label=label))
        """,
    ),
    _data(
        "a SQL file with English rows",
        "fail",
        {
            "migrations/0003_seed_equipment.sql": """
            INSERT INTO equipment (id, code, labels) VALUES (1, 'screen', '{}'), (2, 'board', '{}');
            INSERT INTO equipment_texts (equipment_id, locale, label) VALUES
                (1, 'en', 'Large screen'),
                (2, 'en', 'White board');
            """
        },
    ),
    _data(
        "the English text in the French column",
        "fail",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Category

        CATEGORIES = (
            Category(code="meeting", label_en="Meeting room", label_fr="Meeting room"),
            Category(code="quiet", label_en="Quiet room for two people", label_fr="Quiet room for two people"),
        )


        async def seed(session: AsyncSession) -> None:
            session.add_all(CATEGORIES)
        """,
    ),
    _data(
        "one row in four has no French",
        "fail",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Category

        ROWS = [
            ("meeting", "Meeting room", "Salle de réunion"),
            ("quiet", "Quiet room", "Salle de repos"),
            ("training", "Training room", None),
            ("lobby", "Lobby", "Hall d'entrée"),
        ]


        async def seed(session: AsyncSession) -> None:
            session.add_all(Category(code=code, label_en=english, label_fr=french) for code, english, french in ROWS)
        """,
    ),
    _data(
        "a file of JSON without the French field",
        "fail",
        {
            "app/data/categories.json": """
            [
              {"code": "meeting", "label_en": "Meeting room"},
              {"code": "quiet", "label_en": "Quiet room"}
            ]
            """,
            SEEDS: """
            import json
            from importlib.resources import files

            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Category


            async def seed(session: AsyncSession) -> None:
                rows = json.loads(files("app.data").joinpath("categories.json").read_text())
                session.add_all(Category(**row) for row in rows)
            """,
        },
    ),
    _data(
        "a file of YAML with English under each label",
        "fail",
        {
            "app/data/equipment.yaml": """
            - code: screen
              labels:
                en: Large screen
            - code: board
              labels:
                en: White board
            """,
            SEEDS: """
            from importlib.resources import files

            import yaml
            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Equipment


            async def seed(session: AsyncSession) -> None:
                rows = yaml.safe_load(files("app.data").joinpath("equipment.yaml").read_text())
                session.add_all(Equipment(**row) for row in rows)
            """,
        },
    ),
    _data(
        "a table of commas with an empty French column",
        "fail",
        {
            "app/data/categories.csv": "code,label_en,label_fr\nmeeting,Meeting room,\nquiet,Quiet room,\n",
            SEEDS: """
            import csv
            from importlib.resources import files

            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Category


            async def seed(session: AsyncSession) -> None:
                lines = files("app.data").joinpath("categories.csv").read_text().splitlines()
                session.add_all(Category(**row) for row in csv.DictReader(lines))
            """,
        },
    ),
    _data(
        "a driver's rows with None for French",
        "fail",
        """
        import asyncpg

        ROWS = [("meeting", "Meeting room", None), ("quiet", "Quiet room", None)]


        async def seed(pool: asyncpg.Pool) -> None:
            await pool.executemany(
                "INSERT INTO categories (code, label_en, label_fr) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", ROWS
            )
        """,
    ),
    _data(
        "states of the domain in English",
        "fail",
        {
            "app/domain/__init__.py": "",
            "app/domain/bookings.py": """
            STATE_LABELS: dict[str, dict[str, str]] = {
                "pending": {"en": "Waiting for confirmation"},
                "confirmed": {"en": "Confirmed"},
                "cancelled": {"en": "Cancelled by the guest"},
            }


            def label(state: str, locale: str) -> str:
                return STATE_LABELS[state].get(locale, STATE_LABELS[state]["en"])
            """,
        },
    ),
    _data(
        "French alone is one language too",
        "fail",
        """
        from sqlalchemy import insert
        from sqlalchemy.ext.asyncio import AsyncConnection

        from app.models import Equipment


        async def seed(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(Equipment),
                [
                    {"code": "screen", "labels": {"fr": "Grand écran"}},
                    {"code": "board", "labels": {"fr": "Tableau blanc"}},
                ],
            )
        """,
    ),
    _data(
        "a word that holds the place of French",
        "fail",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Category

        CATEGORIES = (
            Category(code="meeting", label_en="Meeting room", label_fr="TODO"),
            Category(code="quiet", label_en="Quiet room", label_fr="TODO"),
        )


        async def seed(session: AsyncSession) -> None:
            session.add_all(CATEGORIES)
        """,
    ),
    _data(
        "French made of the English text",
        "fail",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Category

        LABELS = {"meeting": "Meeting room", "quiet": "Quiet room"}


        async def seed(session: AsyncSession) -> None:
            for code, label in LABELS.items():
                session.add(Category(code=code, label_en=label, label_fr=f"[fr] {label}"))
        """,
    ),
    _data(
        "subjects of mails: the French branch answers in English",
        "fail",
        {
            "app/domain/__init__.py": "",
            "app/domain/mails.py": """
            def subject(locale: str, room: str) -> str:
                match locale:
                    case "fr":
                        return f"Your booking of {room} is confirmed"
                    case _:
                        return f"Your booking of {room} is confirmed"
            """,
        },
    ),
    # Not labelled any more: floors called "Ground floor" and "Roof terrace" in a table with one column for a name. No
    # file tells whether such a name is a text of the domain or what the place is called, like a maker's name.
    _data(
        "an English row added to seeds in both languages",
        "fail",
        OLD_SEEDS.replace(
            'téléphonique"),\n', 'téléphonique"),\n    Category(code="quiet", label_en="Quiet room", label_fr=None),\n'
        ),
        base={SEEDS: OLD_SEEDS},
    ),
    # A text stands there, but nobody reads it in French.
    _data(
        "German in the French column",
        "fail",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Category

        CATEGORIES = (
            Category(code="meeting", label_en="Meeting room", label_fr="Besprechungsraum"),
            Category(code="quiet", label_en="Quiet room", label_fr="Ruheraum für zwei Personen"),
        )


        async def seed(session: AsyncSession) -> None:
            session.add_all(CATEGORIES)
        """,
    ),
    # What the tests bring along is no seed.
    _data(
        "both languages in the tests' fixture, one in the seeds",
        "fail",
        {
            SEEDS: """
            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Equipment

            EQUIPMENT = (
                Equipment(code="screen", labels={"en": "Large screen"}),
                Equipment(code="board", labels={"en": "White board"}),
            )


            async def seed(session: AsyncSession) -> None:
                session.add_all(EQUIPMENT)
            """,
            "tests/fixtures/equipment.json": '[{"code": "screen", "labels": {"en": "Screen", "fr": "Écran"}}]\n',
        },
    ),
)

BOTH_LANGUAGES = (
    _data("both columns filled", "pass", OLD_SEEDS, honest=False),
    # Equal texts are no copies where French has the same word.
    _data(
        "words that both languages share",
        "pass",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Category

        CATEGORIES = (
            Category(code="meeting", label_en="Meeting room", label_fr="Salle de réunion"),
            Category(code="restaurant", label_en="Restaurant", label_fr="Restaurant"),
            Category(code="parking", label_en="Parking", label_fr="Parking"),
            Category(code="kitchen", label_en="Kitchen", label_fr="Cuisine"),
        )


        async def seed(session: AsyncSession) -> None:
            session.add_all(CATEGORIES)
        """,
    ),
    _data(
        "a migration with English first and French in a second statement",
        "pass",
        {
            REVISION: OPENING
            + """
def upgrade() -> None:
    op.execute(
        "INSERT INTO categories (code, label_en) VALUES ('meeting', 'Meeting room'), ('quiet', 'Quiet room')"
    )
    op.execute("UPDATE categories SET label_fr = 'Salle de réunion' WHERE code = 'meeting'")
    op.execute("UPDATE categories SET label_fr = 'Salle de repos' WHERE code = 'quiet'")


def downgrade() -> None:
    op.execute("DELETE FROM categories WHERE label_en IN ('Meeting room', 'Quiet room')")
"""
        },
    ),
    _data(
        "a file of SQL for each language",
        "pass",
        {
            "migrations/seeds/equipment.en.sql": "INSERT INTO equipment_texts (equipment_id, locale, label) VALUES\n"
            "    (1, 'en', 'Large screen'),\n    (2, 'en', 'White board');\n",
            "migrations/seeds/equipment.fr.sql": "INSERT INTO equipment_texts (equipment_id, locale, label) VALUES\n"
            "    (1, 'fr', 'Grand écran'),\n    (2, 'fr', 'Tableau blanc');\n",
        },
    ),
    _data(
        "seeds name keys, the catalogues have both texts",
        "pass",
        {
            SEEDS: """
            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Zone

            ZONES = (Zone(label_key="zones.garden"), Zone(label_key="zones.terrace"))


            async def seed(session: AsyncSession) -> None:
                session.add_all(ZONES)
            """,
            "app/models.py": CATEGORY + '\n\nclass Zone(Base):\n    __tablename__ = "zones"\n\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
            "    label_key: Mapped[str]\n",
            "app/locales/en.json": '{"rooms": {"not_found": "Room not found"},'
            ' "zones": {"garden": "Garden", "terrace": "Roof terrace"}}\n',
            "app/locales/fr.json": '{"rooms": {"not_found": "Salle introuvable"},'
            ' "zones": {"garden": "Jardin", "terrace": "Toit-terrasse"}}\n',
        },
    ),
    _data(
        "old English seeds stay untouched beside new ones in both",
        "pass",
        {
            "app/seeds_equipment.py": """
            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Equipment

            EQUIPMENT = (
                Equipment(code="screen", labels={"en": "Large screen", "fr": "Grand écran"}),
                Equipment(code="board", labels={"en": "White board", "fr": "Tableau blanc"}),
            )


            async def seed(session: AsyncSession) -> None:
                session.add_all(EQUIPMENT)
            """
        },
        base={SEEDS: ENGLISH_SEEDS},
    ),
    _data(
        "old English seeds move to a package, the new row has both",
        "pass",
        {
            SEEDS: None,
            "app/seeds/__init__.py": "",
            "app/seeds/categories.py": ENGLISH_SEEDS.replace(
                'label_en="Phone booth", label_fr=None),\n',
                'label_en="Phone booth", label_fr=None),\n'
                '    Category(code="quiet", label_en="Quiet room", label_fr="Salle de repos"),\n',
            ),
        },
        base={SEEDS: ENGLISH_SEEDS},
    ),
    _data(
        "locales with a region",
        "pass",
        """
        import asyncpg

        TEXTS = [
            (1, "fr-CA", "Grand écran"),
            (1, "en-CA", "Large screen"),
            (2, "fr-CA", "Tableau blanc"),
            (2, "en-CA", "White board"),
        ]


        async def seed(pool: asyncpg.Pool) -> None:
            async with pool.acquire() as connection, connection.transaction():
                await connection.executemany(
                    "INSERT INTO equipment_texts (equipment_id, locale, label) VALUES ($1, $2, $3)", TEXTS
                )
        """,
    ),
    _data(
        "names of makers stay as they are, what is said of them is in both",
        "pass",
        {
            "app/models.py": CATEGORY + '\n\nclass Maker(Base):\n    __tablename__ = "makers"\n\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
            "    name: Mapped[str]\n    note_en: Mapped[str]\n    note_fr: Mapped[str]\n",
            SEEDS: """
            from sqlalchemy.ext.asyncio import AsyncSession

            from app.models import Maker

            MAKERS = (
                Maker(name="Steelcase", note_en="Chairs and desks", note_fr="Chaises et bureaux"),
                Maker(name="Herman Miller", note_en="Chairs", note_fr="Chaises"),
            )


            async def seed(session: AsyncSession) -> None:
                session.add_all(MAKERS)
            """,
        },
    ),
    _data(
        "states of the domain in both",
        "pass",
        {
            "app/domain/__init__.py": "",
            "app/domain/bookings.py": """
            from enum import StrEnum


            class State(StrEnum):
                PENDING = "pending"
                CONFIRMED = "confirmed"


            FRENCH = {State.PENDING: "En attente de confirmation", State.CONFIRMED: "Confirmée"}
            ENGLISH = {State.PENDING: "Waiting for confirmation", State.CONFIRMED: "Confirmed"}
            LABELS = {"fr": FRENCH, "en": ENGLISH}


            def label(state: State, locale: str) -> str:
                return LABELS.get(locale, ENGLISH)[state]
            """,
        },
    ),
    _data(
        "numbers of guests in both, each with its plural",
        "pass",
        {
            "app/domain/__init__.py": "",
            "app/domain/guests.py": """
            def guests(count: int, locale: str) -> str:
                if locale == "fr":
                    return f"{count} invité" if count < 2 else f"{count} invités"
                return f"{count} guest" if count == 1 else f"{count} guests"
            """,
        },
    ),
    _data(
        "a loop over the two languages",
        "pass",
        """
        from sqlalchemy import insert
        from sqlalchemy.ext.asyncio import AsyncConnection

        from app.models import EquipmentText

        TEXTS = {"fr": ["Grand écran", "Tableau blanc"], "en": ["Large screen", "White board"]}


        async def seed(connection: AsyncConnection) -> None:
            for locale, labels in TEXTS.items():
                for number, label in enumerate(labels, 1):
                    row = {"equipment_id": number, "locale": locale, "label": label}
                    await connection.execute(insert(EquipmentText), row)
        """,
    ),
    _data(
        "factories of the tests in English, seeds in both",
        "pass",
        {
            "app/data/categories.json": """
            [
              {"code": "meeting", "label_en": "Meeting room", "label_fr": "Salle de réunion"},
              {"code": "quiet", "label_en": "Quiet room", "label_fr": "Salle de repos"}
            ]
            """,
            "tests/factories.py": """
            from app.models import Category


            def category(**given: str) -> Category:
                return Category(**{"code": "test", "label_en": "Room for tests", "label_fr": None, **given})
            """,
        },
    ),
    _data(
        "a migration adds the French that old seeds lacked",
        "pass",
        {
            REVISION: OPENING
            + """
LABELS = {"desk": "Bureau", "booth": "Cabine téléphonique"}


def upgrade() -> None:
    categories = sa.table("categories", sa.column("code"), sa.column("label_fr"))
    for code, label in LABELS.items():
        op.execute(categories.update().where(categories.c.code == code).values(label_fr=label))


def downgrade() -> None:
    op.execute("UPDATE categories SET label_fr = NULL")
"""
        },
        base={SEEDS: ENGLISH_SEEDS},
    ),
    _data(
        "a table of commas with both columns filled",
        "pass",
        {
            "app/data/categories.csv": "code,label_fr,label_en\nmeeting,Salle de réunion,Meeting room\n"
            "quiet,Salle de repos,Quiet room\n"
        },
    ),
)

NO_DATA = (
    _data(
        "a helper alone", "not_applicable", {"app/slots.py": "def slots(hours: int) -> int:\n    return hours * 2\n"}
    ),
    _data(
        "a table without rows",
        "not_applicable",
        {
            REVISION: OPENING
            + """
def upgrade() -> None:
    op.create_table(
        "floors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("label_en", sa.Text, nullable=False),
        sa.Column("label_fr", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("floors")
"""
        },
    ),
    # The demand is for what is relevant: nothing here is in any language.
    _data(
        "seeds that nobody reads as text: codes and numbers",
        "not_applicable",
        """
        from sqlalchemy.ext.asyncio import AsyncSession

        from app.models import Currency

        CURRENCIES = (Currency(code="EUR", digits=2), Currency(code="CAD", digits=2), Currency(code="JPY", digits=0))


        async def seed(session: AsyncSession) -> None:
            session.add_all(CURRENCIES)
        """,
        base={
            "app/models.py": CATEGORY + '\n\nclass Currency(Base):\n    __tablename__ = "currencies"\n\n'
            "    code: Mapped[str] = mapped_column(primary_key=True)\n    digits: Mapped[int]\n"
        },
    ),
    _data(
        "rows of a test's fixture alone",
        "not_applicable",
        {
            "tests/conftest.py": """
            import pytest

            from app.models import Category


            @pytest.fixture
            def category() -> Category:
                return Category(code="meeting", label_en="Meeting room", label_fr=None)
            """
        },
    ),
    _data(
        "old English seeds, and work elsewhere",
        "not_applicable",
        {"app/slots.py": "def slots(hours: int) -> int:\n    return hours * 2\n"},
        base={SEEDS: ENGLISH_SEEDS},
    ),
    # Moved is not added: no seed is the delivery's own.
    _data(
        "old English seeds under a new path",
        "not_applicable",
        {SEEDS: None, "app/db/__init__.py": "", "app/db/seeds.py": ENGLISH_SEEDS},
        base={SEEDS: ENGLISH_SEEDS},
    ),
)

CASES: tuple[LabelledCase, ...] = (*ONE_LANGUAGE, *BOTH_LANGUAGES, *NO_DATA)
