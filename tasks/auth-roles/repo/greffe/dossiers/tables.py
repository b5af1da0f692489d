"""The table of dossiers."""

from uuid import uuid4

from sqlalchemy import Column, DateTime, Identity, Integer, String, Table, Uuid, func

from greffe.platform.database import metadata

dossiers = Table(
    "dossiers",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    Column("number", Integer, Identity(always=True), nullable=False, unique=True),
    Column("title", String(160), nullable=False),
    Column("category", String(20), nullable=False),
    Column("status", String(10), nullable=False, server_default="open"),
    Column("owner_email", String(254)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
