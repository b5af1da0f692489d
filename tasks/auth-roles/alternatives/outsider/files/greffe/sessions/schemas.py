"""Sessions over the wire."""

from typing import Literal

from greffe.platform.wire import Address, Answer, Body, Secret


class Login(Body):
    """Neither an address nor a password needs the form that a new account asks for."""

    email: Address
    password: Secret


class Refresh(Body):
    refresh_token: Secret


class Tokens(Answer):
    access_token: Secret
    refresh_token: Secret
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
