"""A job summary: Markdown that a CI shows beside a run, cut where the CI would refuse it."""

from __future__ import annotations

LARGEST = 1_000_000
"""Bytes; above a mebibyte a job summary is dropped whole."""


def summary(title: str, parts: list[str]) -> str:
    """A page of `parts`, which are Markdown and harmless already, at most `LARGEST` bytes long."""
    page = "\n\n".join([f"## {title}", *parts]) + "\n"
    data = page.encode()
    if len(data) <= LARGEST:
        return page
    mark = "\n\n… cut: the whole table is in the run's results\n"
    return data[: LARGEST - len(mark.encode())].decode(errors="ignore") + mark
