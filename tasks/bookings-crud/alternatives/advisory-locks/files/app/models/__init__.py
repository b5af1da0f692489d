"""All tables, so that migrations see every one of them."""

from app.models.base import Base
from app.models.booking import Booking
from app.models.room import Room

__all__ = ["Base", "Booking", "Room"]
