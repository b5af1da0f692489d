"""What can go wrong with accounts."""

from http import HTTPStatus

from greffe.platform.errors import ApiError


class AccountNotFoundError(ApiError):
    status = HTTPStatus.NOT_FOUND
    code = "account_not_found"


class EmailTakenError(ApiError):
    status = HTTPStatus.CONFLICT
    code = "email_taken"


class OwnAccountError(ApiError):
    """So that an admin is always left."""

    status = HTTPStatus.CONFLICT
    code = "own_account"
