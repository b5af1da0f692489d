"""The everyday client that a check looks like, another one for each check.

An app that behaves for its judge alone has to know the judge. So the judge introduces itself as the clients do that
people use, drawn from the judging's seed: whoever serves all of these serves everybody. None of them asks for a
language or a content encoding, which checks decide themselves.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15"
)
PLAIN: Mapping[str, str] = {"accept-encoding": "identity"}
"""No client's: for whoever draws none."""
CLIENTS: tuple[Mapping[str, str], ...] = (
    {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
    {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "python-httpx/0.28.1"},
    {"User-Agent": "python-requests/2.32.3", "Accept-Encoding": "identity", "Accept": "*/*"},
    {"User-Agent": _FIREFOX, "Accept": "*/*", "Accept-Encoding": "identity"},
    {"Accept": "application/json, text/plain, */*", "User-Agent": _SAFARI},
    {"User-Agent": "Go-http-client/1.1"},
    {"accept": "application/json, text/plain, */*", "user-agent": "axios/1.7.2"},
    {"Accept": "application/json", "User-Agent": "okhttp/4.12.0", "Accept-Encoding": "identity"},
    {"User-Agent": "PostmanRuntime/7.39.0", "Accept": "*/*"},
    {"User-Agent": "Java-http-client/21.0.3"},
)


def guise(seed: str) -> Mapping[str, str]:
    """Headers of one of the clients, in its order and spelling; the same for the same seed."""
    return random.Random(seed).choice(CLIENTS)  # noqa: S311 - no secret
