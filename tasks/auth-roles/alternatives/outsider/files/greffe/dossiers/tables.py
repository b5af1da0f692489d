"""The table of dossiers."""

from uuid import uuid4

from sqlalchemy import Column, DateTime, ForeignKey, Identity, Integer, String, Table, Uuid, func

from greffe.platform.database import metadata

dossiers = Table(
    "dossiers",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    Column("number", Integer, Identity(always=True), nullable=False, unique=True),
    Column("title", String(160), nullable=False),
    Column("category", String(20), nullable=False),
    Column("status", String(10), nullable=False, server_default="open"),
    # Of the version before accounts, which still runs beside this one: not read, not written.
    Column("owner_email", String(254)),
    Column("owner_id", Uuid, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
