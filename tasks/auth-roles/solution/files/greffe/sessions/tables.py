"""The tables of sessions and of the refresh tokens that were issued in them."""

from uuid import uuid4

from sqlalchemy import Column, ForeignKey, String, Table, Uuid

from greffe.platform.database import MOMENT, metadata, required

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    required("account_id", Uuid(), ForeignKey("accounts.id")),
    required("created_at", MOMENT),
    Column("ended_at", MOMENT),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    required("session_id", Uuid(), ForeignKey("sessions.id")),
    required("created_at", MOMENT),
    required("expires_at", MOMENT),
    Column("used_at", MOMENT),
)
