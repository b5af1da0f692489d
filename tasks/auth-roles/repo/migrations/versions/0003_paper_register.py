"""Enter the open dossiers of the paper register, as they stand in its last volume."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

VOLUME = "00000000-0000-4000-8000-0000000000{:02d}"

# Title, category, and the owner's address as it was written in the margin.
ENTRIES = [
    ("Succession Dubois", "family", "Claire.Dubois@etude.example.org"),
    ("Vente parcelle 118", "land", "jean.martin@etude.example.org"),
    ("Bail commercial Delaunay", "commercial", " claire.dubois@ETUDE.example.org "),
    ("Servitude de passage", "land", None),
    ("Partage Le Goff", "family", "see folder 12"),
    ("Donation Petit", "family", ""),
    ("Statuts Kerboul SARL", "commercial", "Ines.KERBOUL@conseil.example.org"),
    ("Usucapion Moulin Neuf", "land", "jean.martin@etude.example.org"),
]

dossiers = sa.table(
    "dossiers",
    sa.column("id", sa.Uuid()),
    sa.column("title", sa.String()),
    sa.column("category", sa.String()),
    sa.column("owner_email", sa.String()),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("updated_at", sa.DateTime(timezone=True)),
)
notes = sa.table(
    "notes",
    sa.column("id", sa.Uuid()),
    sa.column("dossier_id", sa.Uuid()),
    sa.column("text", sa.String()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def entry(number: int) -> UUID:
    return UUID(VOLUME.format(number))


def upgrade() -> None:
    entered = datetime(2019, 3, 4, 9, 0, tzinfo=UTC)
    for number, (title, category, owner) in enumerate(ENTRIES, 1):
        op.execute(
            dossiers.insert().values(
                id=entry(number),
                title=title,
                category=category,
                owner_email=owner,
                created_at=entered,
                updated_at=entered,
            )
        )
    op.execute(
        notes.insert().values(
            id=entry(51),
            dossier_id=entry(1),
            text="Entered from the paper register.",
            created_at=entered,
        )
    )


def downgrade() -> None:
    entered = [entry(number) for number in range(1, len(ENTRIES) + 1)]
    op.execute(dossiers.delete().where(dossiers.c.id.in_(entered)))
