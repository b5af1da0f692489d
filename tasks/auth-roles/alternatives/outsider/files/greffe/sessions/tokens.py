"""The two tokens of a session: a signed one for requests, a random one to go on with."""

import secrets
import time
from hashlib import sha256
from uuid import UUID

import jwt
from pydantic import BaseModel

from greffe.platform.settings import Settings

ALGORITHM = "HS256"
REFRESH_TOKEN_BYTES = 32


class Claims(BaseModel):
    sub: UUID
    sid: UUID


def access_token(settings: Settings, account_id: UUID, session_id: UUID) -> str:
    issued = int(time.time())
    claims = {
        "sub": str(account_id),
        "sid": str(session_id),
        "iat": issued,
        "exp": issued + settings.access_token_seconds,
    }
    return jwt.encode(claims, settings.token_secret.get_secret_value(), ALGORITHM)


def read_access_token(settings: Settings, token: str) -> Claims | None:
    """None for everything that we did not sign or that is over."""
    try:
        claims = jwt.decode(
            token,
            settings.token_secret.get_secret_value(),
            [ALGORITHM],
            # Another machine's clock may be a little ahead.
            options={"require": ["sub", "sid", "iat", "exp"], "verify_iat": False},
        )
        return Claims.model_validate(claims)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        # The header is parsed before the signature is looked at, so it can hold anything.
        return None


def new_refresh_token() -> str:
    return secrets.token_urlsafe(REFRESH_TOKEN_BYTES)


def digest(refresh_token: str) -> str:
    return sha256(refresh_token.encode()).hexdigest()
