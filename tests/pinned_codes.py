"""The linter's codes that our static rules read, rule by rule, as the table of `docs/static-rules.md`.

    PYTHONPATH=tests:. .venv/bin/python -m pinned_codes

writes it anew from the rules, from `graders/config/ruff.toml` and from what the pinned ruff says about each code.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tabulate import tabulate

from graders.rulebook import RULEBOOK, load_rulebook

ROOT = Path(__file__).parent.parent
DOC = ROOT / "docs" / "static-rules.md"
CONFIG = ROOT / "graders" / "config" / "ruff.toml"
TABLE = re.compile(r"(?s)(?<=<!-- codes: begin -->\n).*(?=<!-- codes: end -->)")


def pinned() -> list[str]:
    """The codes of our configuration, in its order."""
    codes: list[str] = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["lint"]["select"]
    return codes


def by_rule() -> dict[str, list[str]]:
    """Rule -> the pinned codes that it reads."""
    rules = {binding.id: getattr(binding.rule, "codes", ()) for binding in load_rulebook(RULEBOOK).bindings}
    return {name: [code for code in pinned() if code.startswith(codes)] for name, codes in rules.items() if codes}


def table() -> str:
    """One line a code."""
    ruff = [sys.executable, "-m", "ruff", "rule", "--all", "--output-format", "json"]
    told = json.loads(subprocess.run(ruff, capture_output=True, text=True, check=True).stdout)
    names = {rule["code"]: rule["name"] for rule in told}
    rows = [(name, f"`{code}`", names[code]) for name, codes in by_rule().items() for code in codes]
    return tabulate(rows, headers=("rule", "code", "what ruff calls it"), tablefmt="github") + "\n"


if __name__ == "__main__":
    DOC.write_text(TABLE.sub(lambda _: table(), DOC.read_text(encoding="utf-8")), encoding="utf-8")
