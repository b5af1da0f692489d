"""Create accounts and sessions, and give every dossier an owner."""

from uuid import UUID, uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

REGISTER = "register@greffe.example.org"
REGISTER_NAME = "Register"
EMAIL_LENGTH = 254
NAME_LENGTH = 80

accounts = sa.table(
    "accounts",
    sa.column("id", sa.Uuid()),
    sa.column("email", sa.String()),
    sa.column("name", sa.String()),
)

# One statement for all dossiers; IS NOT DISTINCT FROM matches those without an address as well.
SET_OWNERS = sa.text(
    "UPDATE dossiers SET owner_id = owners.account_id"
    " FROM unnest(:written, :account_ids) AS owners (written, account_id)"
    " WHERE dossiers.owner_email IS NOT DISTINCT FROM owners.written"
).bindparams(
    sa.bindparam("written", type_=ARRAY(sa.String())),
    sa.bindparam("account_ids", type_=ARRAY(sa.Uuid())),
)


def address_of(written: str | None) -> str:
    """The account that a dossier belongs to, by what its `owner_email` says."""
    address = (written or "").strip().lower()
    # Lower case makes a few letters longer.
    return address if "@" in address and len(address) <= EMAIL_LENGTH else REGISTER


def name_of(address: str) -> str:
    """A name is never empty, so an address with nothing before the `@` stands for itself."""
    if address == REGISTER:
        return REGISTER_NAME
    return (address.partition("@")[0].strip() or address)[:NAME_LENGTH].strip()


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("role", sa.String(length=10), server_default="member", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
        sa.CheckConstraint("role IN ('member', 'auditor', 'admin')", name=op.f("ck_accounts_role")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id")
        ),
    )
    op.create_index(op.f("ix_sessions_account_id"), "sessions", ["account_id"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_tokens")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id")
        ),
    )
    # The new column comes before the data: it locks the table, so no dossier is left without owner.
    op.add_column("dossiers", sa.Column("owner_id", sa.Uuid(), nullable=True))
    give_owners(op.get_bind())
    op.alter_column("dossiers", "owner_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_dossiers_owner_id"), "dossiers", "accounts", ["owner_id"], ["id"]
    )
    op.create_index(op.f("ix_dossiers_owner_id"), "dossiers", ["owner_id"])
    op.add_column("notes", sa.Column("author_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_notes_author_id"), "notes", "accounts", ["author_id"], ["id"])


def give_owners(connection: sa.Connection) -> None:
    written = list(connection.scalars(sa.text("SELECT DISTINCT owner_email FROM dossiers")))
    if not written:
        return
    owners: dict[str, UUID] = {address_of(text): uuid4() for text in written}
    connection.execute(
        accounts.insert(),
        [
            {"id": account_id, "email": address, "name": name_of(address)}
            for address, account_id in owners.items()
        ],
    )
    connection.execute(
        SET_OWNERS,
        {"written": written, "account_ids": [owners[address_of(text)] for text in written]},
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_notes_author_id"), "notes", type_="foreignkey")
    op.drop_column("notes", "author_id")
    op.drop_index(op.f("ix_dossiers_owner_id"), table_name="dossiers")
    op.drop_constraint(op.f("fk_dossiers_owner_id"), "dossiers", type_="foreignkey")
    op.drop_column("dossiers", "owner_id")
    op.drop_table("refresh_tokens")
    op.drop_index(op.f("ix_sessions_account_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("accounts")
