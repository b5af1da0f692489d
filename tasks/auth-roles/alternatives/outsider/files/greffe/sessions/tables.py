"""The tables of sessions, and of the refresh tokens that keep them going."""

from uuid import uuid4

from sqlalchemy import Column, DateTime, ForeignKey, String, Table, Uuid, func

from greffe.platform.database import metadata

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    Column("account_id", Uuid, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.id"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)
