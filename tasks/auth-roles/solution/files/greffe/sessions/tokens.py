"""Tokens: signed access tokens, and refresh tokens of which only a digest is kept."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from greffe.platform.settings import Settings

ALGORITHM = "HS256"
CLAIMS = ["sub", "sid", "iat", "exp"]


def access_token(settings: Settings, account_id: UUID, session_id: UUID) -> str:
    now = datetime.now(UTC)
    claims = {
        "sub": str(account_id),
        "sid": str(session_id),
        "iat": now,
        "exp": now + timedelta(seconds=settings.access_token_seconds),
    }
    return jwt.encode(claims, settings.token_secret.get_secret_value(), ALGORITHM)


def session_of(settings: Settings, token: str) -> UUID | None:
    """The session that an access token was issued in; None for a token that is not good."""
    key = settings.token_secret.get_secret_value()
    try:
        claims: dict[str, Any] = jwt.decode(token, key, [ALGORITHM], options={"require": CLAIMS})
        return UUID(claims["sid"])
    except (jwt.InvalidTokenError, TypeError, ValueError, AttributeError):
        return None


def refresh_token() -> str:
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
