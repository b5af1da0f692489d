"""The table of notes."""

from uuid import uuid4

from sqlalchemy import Column, DateTime, ForeignKey, String, Table, Uuid, func

from greffe.platform.database import metadata

notes = Table(
    "notes",
    metadata,
    Column("id", Uuid, primary_key=True, default=uuid4),
    Column(
        "dossier_id",
        Uuid,
        ForeignKey("dossiers.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("author_id", Uuid, ForeignKey("accounts.id")),
    Column("text", String(2000), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
