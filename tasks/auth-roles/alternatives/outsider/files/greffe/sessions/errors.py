"""What can go wrong with sessions, and with what somebody may do in one."""

from http import HTTPStatus

from greffe.platform.errors import ApiError


class ForbiddenError(ApiError):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class UnauthorizedError(ApiError):
    """Names the way to log in, as each 401 does."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__()
        self.headers["WWW-Authenticate"] = "Bearer"


class LoginFailedError(UnauthorizedError):
    """The same for every reason, so that nobody learns which addresses have accounts."""

    code = "login_failed"


class NotAuthenticatedError(UnauthorizedError):
    code = "not_authenticated"


class TokenInvalidError(UnauthorizedError):
    code = "token_invalid"


class TooManyAttemptsError(ApiError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_attempts"

    def __init__(self, seconds: int) -> None:
        super().__init__(count=seconds)
        self.headers["Retry-After"] = str(seconds)
