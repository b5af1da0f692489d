"""The closed list of reasons for which a conversation with the delivered app fails."""

from __future__ import annotations

from typing import Literal

Problem = Literal["connection", "deadline", "protocol", "too_large", "bad_json"]


class ProtocolProblem(AssertionError):
    """The exchange itself is broken; `reason` is from a closed list."""

    def __init__(self, reason: Problem, message: str) -> None:
        super().__init__(message)
        self.reason = reason
