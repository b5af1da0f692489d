"""The table of accounts."""

from uuid import uuid4

from sqlalchemy import Boolean, Column, String, Table, Uuid

from greffe.platform.database import MOMENT, metadata, required

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    required("email", String(254), unique=True),
    required("name", String(80)),
    Column("password_hash", String(255)),
    required("role", String(10)),
    required("active", Boolean()),
    required("created_at", MOMENT),
)
