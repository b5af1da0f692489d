"""Texts by language and keys by route, as they are read: bounded and quiet whatever an agent wrote."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from graders.bilingual import in_sql
from graders.literals import COMPUTED
from graders.rulekit import BASE, case
from graders.rules.s3 import S3
from graders.rules.s12 import S12
from harness.core.records import Outcome

BOTH = {**BASE, "locales/en.json": "{}", "locales/fr.json": "{}"}
ROUTE = "from fastapi import APIRouter\nrouter = APIRouter()\n\n\n@router.get('/x')\nasync def f():\n    return "
HEIRS = "".join(f"class A{number}(A{number - 1}):\n    nom: str\n" for number in range(1, 3_000))
HOSTILE = {
    "statements in statements": case(files={"m/1.sql": "INSERT INTO x (a) VALUES (\n" * 30_000}),
    "quotes": case(files={"m/1.sql": "INSERT INTO x (a_en, a_fr) VALUES ('" + "'' " * 300_000}),
    "parentheses": case(files={"m/1.sql": "INSERT INTO x (a_en, a_fr) VALUES " + "(" * 900_000}),
    "blanks": case(files={"m/1.sql": "INSERT" + " " * 900_000}),
    "deep documents": case(base=BOTH, files={"locales/en.json": '{"a":' * 100_000, "data/x.json": "[" * 100_000}),
    "braces": case(base=BOTH, files={f"locales/{code}.json": '{"a":"' + "{" * 400_000 + '"}' for code in ("en", "fr")}),
    "messages": case(
        base={"locale/en/x.po": "", "locale/fr/x.po": ""}, files={"locale/en/x.po": 'msgid "a" ' * 90_000}
    ),
    "keys that are no texts": case(
        files={"seeds/x.yaml": "- {1: {en: a b, fr: [c]}}\n- {name_en: 2020-01-01, name_fr: 3}\n"}
    ),
    "surrogates": case(files={"seeds/\ud800.json": '{"en": "\\ud800 a b", "fr": ""}', "app/x.py": b"\xed\xa0\x80"}),
    "nested answers": case(files={"app/x.py": ROUTE + "{'a': " * 80 + "1" + "}" * 80 + "\n"}),
    "loops in loops": case(
        base=BOTH,
        files={
            "app/x.py": "A = ["
            + "(1, 'en'), " * 2_000
            + "]\n"
            + "".join(f"{'    ' * depth}for a{depth}, b{depth} in A:\n" for depth in range(12))
            + "    " * 12
            + "f(name_en='a b', name_fr=b1)\n"
        },
    ),
    "tables in tables": case(base=BOTH, files={"app/x.py": "A = " + "{'en': " * 80 + "'a b'" + "}" * 80 + "\n"}),
    "names that name each other": case(
        base=BOTH, files={"app/x.py": "a = b\nb = a\nf(name_en=a, name_fr={'en': a})\n"}
    ),
    "a table that names itself": case(base=BOTH, files={"app/x.py": "A = {'en': A, 'fr': [A, A]}\nB = A['en'] + B\n"}),
    "a list that names itself": case(
        base=BOTH, files={"app/x.py": f"A = [{'A, ' * 500}]\nf(name_en=A, b=zip(A, A))\n"}
    ),
    "sums": case(files={"app/x.py": ROUTE + "'data: ' " + "+ 'a' " * 900 + "+ json.dumps({'a': 1})\n"}),
    "commas": case(base=BOTH, files={"data/x.csv": 'a_en,a_fr\n"' + "a," * 400_000, "data/y.csv": "\0," * 9}),
    "updates": case(base=BOTH, files={"m/1.sql": "UPDATE x SET " + "a_en = '', " * 80_000}),
    "a contract of keys": replace(
        made := case(files={"app/x.py": ROUTE + "{'nom': 1, 'b': 2, 'c': 3}\n"}),
        task=replace(made.task, contract="- `a`, `b`\n" * 40_000 + "| `a` |\n" * 40_000 + "```\n" + "[" * 90_000),
    ),
    "selected columns": case(files={"app/x.py": ROUTE + "dict(r)\n    'select " + "a, (" * 50_000 + " from x'\n"}),
    "a long line of heirs": case(files={"app/x.py": f"class A0(A1): pass\n{HEIRS}{ROUTE}A1()\n"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_delivery_raises_nothing_and_takes_bounded_time(name: str) -> None:
    began = time.process_time()
    for rule in (S3(), S12()):
        assert rule.judge(HOSTILE[name]).outcome in Outcome
    assert time.process_time() - began < 10


def test_a_key_that_only_the_contract_for_machines_names_is_right(tmp_path: Path) -> None:
    model = "from pydantic import BaseModel\n\n\nclass Item(BaseModel):\n    statut: str\n\n\n"
    delivery = case(files={"app/x.py": model + ROUTE.replace("f()", "f(item: Item)") + "item\n"})
    contract = "It answers `status`.\n"
    task = replace(delivery.task, contract=contract, root=tmp_path)
    assert S12().judge(replace(delivery, task=task)).outcome is Outcome.FAIL
    named = tmp_path / "machines"
    named.mkdir()
    (named / "contract.openapi.yaml").write_text("properties:\n  statut: { type: string }\n")
    assert S12().judge(replace(delivery, task=replace(task, root=named))).outcome is Outcome.PASS


def test_rows_are_read_as_the_database_would() -> None:
    statement = (
        "INSERT INTO kinds (id, name_en, name_fr) VALUES\n"
        "  (1, 'the mayor''s house', 'la mairie'::text),\n"
        "  (lower('X, (Y)'), NULL, 'a' || name);\n"
    )
    first, second = in_sql(statement)
    assert (first.line, dict(first.texts)) == (2, {"en": "the mayor's house", "fr": "la mairie"})
    assert (second.line, dict(second.texts)) == (3, {"en": None, "fr": COMPUTED})
