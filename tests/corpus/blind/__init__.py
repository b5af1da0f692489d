"""Deliveries labelled from the demands alone, by somebody who has never read a rule's code."""

from __future__ import annotations

from corpus.blind import bilingual, commands, corners, files, git, honest, keys, protocol, reply, report, static, truth
from corpus.labels import LabelledCase

CASES: tuple[LabelledCase, ...] = (
    *protocol.CASES,
    *commands.CASES,
    *files.CASES,
    *reply.CASES,
    *report.CASES,
    *truth.CASES,
    *git.CASES,
    *static.CASES,
    *keys.CASES,
    *bilingual.CASES,
    *corners.CASES,
    *honest.CASES,
)
