"""Create the notes of a dossier."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(length=2000), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        sa.ForeignKeyConstraint(
            ["dossier_id"], ["dossiers.id"], name=op.f("fk_notes_dossier_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_notes_dossier_id"), "notes", ["dossier_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_notes_dossier_id"), table_name="notes")
    op.drop_table("notes")
