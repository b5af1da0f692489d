"""The table of accounts."""

from uuid import uuid4

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, String, Table, Uuid, func, true

from greffe.platform.database import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("password_hash", String(255)),
    Column("role", String(10), nullable=False, server_default="member"),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("role IN ('member', 'auditor', 'admin')", name="role"),
)
