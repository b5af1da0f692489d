"""Add the equipment of a room."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "rooms",
        sa.Column(
            "equipment",
            postgresql.ARRAY(sa.String(length=20)),
            server_default="{}",
            nullable=False,
        ),
    )
    op.create_index(op.f("ix_rooms_building"), "rooms", ["building"])


def downgrade() -> None:
    op.drop_index(op.f("ix_rooms_building"), table_name="rooms")
    op.drop_column("rooms", "equipment")
