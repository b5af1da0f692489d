"""A period for which somebody has a room."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Recorded

CONFIRMED = "confirmed"
CANCELLED = "cancelled"


class Booking(Recorded, Base):
    """The period is half open: its end belongs to whoever comes next."""

    __tablename__ = "bookings"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="period"),
        CheckConstraint("attendees > 0", name="attendees"),
        Index("ix_bookings_room_id_starts_at", "room_id", "starts_at"),
    )

    room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id"))
    title: Mapped[str] = mapped_column(String(120))
    organiser: Mapped[str] = mapped_column(String(80))
    attendees: Mapped[int]
    notes: Mapped[str | None] = mapped_column(Text)
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status: Mapped[str] = mapped_column(String(20), default=CONFIRMED)

    @property
    def is_cancelled(self) -> bool:
        return self.status == CANCELLED
