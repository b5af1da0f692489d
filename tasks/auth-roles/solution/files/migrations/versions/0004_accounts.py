"""Create accounts and sessions; give every dossier an owner."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

# The address that a dossier's owner has as an account; the register itself where there is none.
ADDRESS = sa.text("""
CREATE TEMPORARY TABLE owners ON COMMIT DROP AS
SELECT id AS dossier_id,
    CASE WHEN owner_email LIKE '%@%' THEN lower(btrim(owner_email, E' \\t\\n\\r\\f\\v'))
    ELSE 'register@greffe.example.org' END AS email
FROM dossiers
""")
ACCOUNTS = sa.text("""
INSERT INTO accounts (id, email, name)
SELECT gen_random_uuid(), email,
    CASE WHEN email = 'register@greffe.example.org' THEN 'Register'
    ELSE left(split_part(email, '@', 1), 80) END
FROM (SELECT DISTINCT email FROM owners) AS addresses
""")
OWNERS = sa.text("""
UPDATE dossiers SET owner_id = accounts.id
FROM owners JOIN accounts ON accounts.email = owners.email
WHERE owners.dossier_id = dossiers.id
""")


def timestamp(name: str) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def upgrade() -> None:
    create_accounts()
    create_sessions()
    op.add_column("notes", sa.Column("author_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_notes_author_id"), "notes", "accounts", ["author_id"], ["id"])
    op.add_column("dossiers", sa.Column("owner_id", sa.Uuid(), nullable=True))
    for statement in (ADDRESS, ACCOUNTS, OWNERS):
        op.execute(statement)
    op.alter_column("dossiers", "owner_id", nullable=False)
    op.create_foreign_key(
        op.f("fk_dossiers_owner_id"), "dossiers", "accounts", ["owner_id"], ["id"]
    )
    op.create_index(op.f("ix_dossiers_owner_id"), "dossiers", ["owner_id"])


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("role", sa.String(length=10), server_default="member", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        timestamp("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
        sa.CheckConstraint("role IN ('member', 'auditor', 'admin')", name=op.f("ck_accounts_role")),
    )


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        timestamp("created_at"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id")
        ),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        timestamp("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_tokens")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id")
        ),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_dossiers_owner_id"), table_name="dossiers")
    op.drop_column("dossiers", "owner_id")
    op.drop_column("notes", "author_id")
    op.drop_table("refresh_tokens")
    op.drop_table("sessions")
    op.drop_table("accounts")
