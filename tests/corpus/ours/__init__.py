"""Deliveries labelled by those who know the rules: the sly ways round them, and honest work that looks like one."""

from __future__ import annotations

from corpus.labels import LabelledCase
from corpus.ours import code, commands, languages, texts, work

CASES: tuple[LabelledCase, ...] = (*commands.CASES, *work.CASES, *texts.CASES, *code.CASES, *languages.CASES)
