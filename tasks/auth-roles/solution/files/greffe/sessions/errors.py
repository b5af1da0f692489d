"""What can go wrong with log-in, with sessions, and with what one may do."""

from http import HTTPStatus

from greffe.platform.errors import ApiError


class NotAuthenticatedError(ApiError):
    status = HTTPStatus.UNAUTHORIZED
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ApiError):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class LoginFailedError(ApiError):
    """Says the same for every reason."""

    status = HTTPStatus.UNAUTHORIZED
    code = "login_failed"


class TokenInvalidError(ApiError):
    status = HTTPStatus.UNAUTHORIZED
    code = "token_invalid"


class TooManyAttemptsError(ApiError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_attempts"

    def __init__(self, seconds: int) -> None:
        super().__init__(count=seconds)
        self.headers = {"Retry-After": str(seconds)}
