"""A room that people can meet in."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Recorded


class Room(Recorded, Base):
    __tablename__ = "rooms"
    __table_args__ = (CheckConstraint("capacity > 0", name="capacity"),)

    name: Mapped[str] = mapped_column(String(80), unique=True)
    building: Mapped[str] = mapped_column(String(60), index=True)
    floor: Mapped[int]
    capacity: Mapped[int]
    equipment: Mapped[list[str]] = mapped_column(ARRAY(String(20)), server_default="{}")
