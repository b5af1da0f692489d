"""The way to one upstream: its connections, its key, and the pause that everyone who calls it keeps.

Answers are asked for uncompressed and read to their end. The key is put on here and taken out of whatever comes back,
so that no upstream can hand it to an agent by repeating it in an error.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from harness.gateway.answer import Broken, Reply, judge
from harness.gateway.scrub import Scrub
from harness.gateway.sse import NO_USAGE, read_stream
from harness.gateway.throttle import Throttle

_CONNECT_S = 10.0
_PASSED_ON = ("anthropic-version", "anthropic-beta")


class Wire:
    """Connections to one origin with one key; used inside one event loop."""

    def __init__(self, origin: str, api_key: str | None, stall_s: float) -> None:
        parts = urlsplit(origin)
        self._key = api_key
        self._scrub = Scrub(api_key)
        self._stall_s = stall_s
        self._verify = httpx2.create_ssl_context() if parts.scheme == "https" else False
        # A proxy of the environment is for the world outside, never for an upstream on this machine.
        self._trust_env = not _loopback(parts.hostname or "")
        self._idle: list[httpx2.AsyncClient] = []
        """One for each call that was ever under way at once, because a client looks through all of its connections at
        the beginning and the end of every call: with fifty of them that took a third of a call's processor time."""
        self._held_until = 0.0
        self.throttle = Throttle()

    def hold(self, seconds: float) -> None:
        """Ask every caller to wait at least this long from now."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    def held(self) -> float:
        """Seconds for which callers are still asked to wait."""
        return max(0.0, self._held_until - time.monotonic())

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, stream: bool | None, read: bytearray
    ) -> Reply | Broken:
        """Send one request and judge its answer; `read` fills with what has come in so far."""
        client = self._idle.pop() if self._idle else self._client()
        try:
            async with client.stream("POST", url, content=body, headers=self._headers(headers)) as response:
                async for piece in response.aiter_bytes():
                    read += piece
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return Broken("no connection")
        except httpx2.TimeoutException:
            return self._cut("stall", stream, read)
        except httpx2.HTTPError:
            return self._cut("drop", stream, read)
        finally:
            self._idle.append(client)
        headers = {name.lower(): self._scrub.text(value) for name, value in response.headers.items()}
        answer = self._scrub.stream(bytes(read)) if stream else self._scrub(bytes(read))
        return judge(response.status_code, headers, answer, stream=stream, now=time.time())

    async def close(self) -> None:
        for client in self._idle:
            await client.aclose()

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=self._verify,
            trust_env=self._trust_env,
            timeout=httpx2.Timeout(self._stall_s, connect=_CONNECT_S, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=30.0),
        )

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        own = {"content-type": "application/json", "accept-encoding": "identity"}
        if self._key is not None:
            own["x-api-key"] = self._key
        return own | {name: headers[name] for name in _PASSED_ON if name in headers}

    def _cut(self, why: str, stream: bool | None, read: bytearray) -> Broken:
        """An answer that ended too early: whatever it told of its usage was used."""
        usage = read_stream(bytes(read)).usage if stream else NO_USAGE
        return Broken(why, usage=usage, charged=stream is not None)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
