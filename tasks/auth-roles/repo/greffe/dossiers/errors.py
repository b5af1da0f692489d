"""What can go wrong with dossiers."""

from http import HTTPStatus

from greffe.platform.errors import ApiError


class DossierNotFoundError(ApiError):
    status = HTTPStatus.NOT_FOUND
    code = "dossier_not_found"
