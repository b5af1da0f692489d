"""What routers ask for."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import get_session
from app.services.bookings import BookingService
from app.services.rooms import RoomService

Session = Annotated[AsyncSession, Depends(get_session)]


def room_service(session: Session) -> RoomService:
    return RoomService(session)


def booking_service(session: Session) -> BookingService:
    return BookingService(session)


Rooms = Annotated[RoomService, Depends(room_service)]
Bookings = Annotated[BookingService, Depends(booking_service)]
