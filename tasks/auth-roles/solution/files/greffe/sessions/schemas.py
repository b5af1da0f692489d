"""Log-in and tokens over the wire."""

from typing import Literal

from greffe.accounts.schemas import Email, Password
from greffe.platform.wire import Body


class Login(Body):
    email: Email
    password: Password


class Refresh(Body):
    refresh_token: str


class Tokens(Body):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
