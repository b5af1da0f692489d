"""S12: A key that follows the language of its reader is a key that no client can look up.

Read are the JSON keys that added code takes and gives (`graders/servedkeys.py`): fields and aliases of models that a
route leads to, and literal keys of its answers. A key is unstable where a translation or the request's language makes
it, and not English where it is no plain ASCII word, or where it says in French what the contract says in English. A
key that the contract or the specs name is right whatever it looks like, and so is one that the team had before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from graders.addedlines import Diff, diff_of, text_of
from graders.pycode import is_app
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from graders.servedkeys import Key, Served, Shape, reached, served
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source
from harness.core.task import Task

_FRENCH: Mapping[str, str] = {
    "abonne": "subscriber",
    "adresse": "address",
    "annonce": "announcement",
    "annee": "year",
    "annule": "cancelled",
    "auteur": "author",
    "batiment": "building",
    "capacite": "capacity",
    "commentaire": "comment",
    "compte": "account",
    "corps": "body",
    "courriel": "email",
    "debut": "start starts from since",
    "equipement": "equipment",
    "erreur": "error",
    "etage": "floor",
    "etat": "state status",
    "heure": "hour time",
    "jeton": "token",
    "jour": "day date",
    "langue": "language lang",
    "libelle": "label",
    "lieu": "place location",
    "modifie": "updated modified changed",
    "mois": "month",
    "montant": "amount",
    "nom": "name",
    "nombre": "count number total",
    "numero": "number",
    "organisateur": "organiser organizer",
    "pays": "country",
    "prenom": "firstname first",
    "prix": "price",
    "quantite": "quantity",
    "reponse": "response answer reply",
    "salle": "room",
    "statut": "status",
    "taille": "size",
    "telephone": "phone telephone",
    "titre": "title",
    "utilisateur": "user",
    "ville": "city town",
}
"""French words that are no English ones, without accents, with what a contract calls them."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PLAIN = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[^\W\d]\w*")
_NAMED = re.compile(r"`([^`\s]+)`|\"([^\"\s]+)\"\s*:|^\s*-?\s*([A-Za-z_]\w*)\s*:", re.MULTILINE)
_MAX_OPENAPI = 1_000_000
_LANGUAGES = ("en", "fr")

_MODELS = """from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, Field

from app.i18n import translate

router = APIRouter()


class Item(BaseModel):
    name: str
    {field}


@router.get("/items")
async def items() -> list[Item]:
    return []
"""
_ROUTE = """from fastapi import APIRouter

from app.i18n import language_of, translate

router = APIRouter()


@router.get("/items")
async def items(language: str) -> dict[str, object]:
    {body}
"""
_CONTRACT = "- [C-01] `GET /items` answers `items`, each with `name`, `title`, `status` and `starts_at`.\n"


@dataclass(frozen=True)
class _Words:
    """What contract and specs name."""

    all: frozenset[str]
    """Every word, as it stands there."""
    parts: frozenset[str]
    """Parts of what they name as keys, in lower case."""


def _model(field: str, contract: str = _CONTRACT) -> Case:
    return _on(contract, {"app/items.py": _MODELS.format(field=field)})


def _route(body: str, contract: str = _CONTRACT) -> Case:
    return _on(contract, {"app/items.py": _ROUTE.format(body=body)})


def _on(contract: str, files: Mapping[str, str], base: Mapping[str, str] = BASE) -> Case:
    delivery = case(base=base, files=files)
    return replace(delivery, task=replace(delivery.task, contract=contract))


@dataclass(frozen=True)
class S12:
    """Clients find every key under the same English name."""

    french: Mapping[str, str] = field(default_factory=lambda: _FRENCH)
    """French word without accents -> the English words that a contract may have for it."""

    demand: ClassVar[str] = "JSON keys are stable and in English."
    section: ClassVar[str] = "Internationalization (i18n)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("English fields", _model("status: str"), Outcome.PASS, opportunities=1),
        Example("a field in French", _model("statut: str"), Outcome.FAIL, 1, opportunities=1),
        Example("a field with an accent", _model("durée: int"), Outcome.FAIL, 1),
        Example("a French alias", _model('title: str = Field(alias="titre")'), Outcome.FAIL, 1),
        Example(
            "a French name that is taken too",
            _model('title: str = Field(validation_alias=AliasChoices("title", "titre"))'),
            Outcome.FAIL,
            1,
        ),
        Example("a translated alias", _model('title: str = Field(alias=translate("title"))'), Outcome.FAIL, 1),
        Example("a part of a key in French", _model("date_debut: str"), Outcome.FAIL, 1),
        Example("an answer in French", _route('return {"items": [{"nom": "x", "Titre": "y"}]}'), Outcome.FAIL, 2),
        Example("keys from the catalogue", _route('return {translate("items.count"): 3}'), Outcome.FAIL, 1),
        Example(
            "keys from the catalogue in a loop",
            _route("return {translate(name): 1 for name in ('a', 'b')}"),
            Outcome.FAIL,
            1,
        ),
        Example("keys by the request's language", _route('return {f"title_{language}": "x"}'), Outcome.FAIL, 1),
        Example("a caption as a key", _route('return {"Number of items": 3}'), Outcome.FAIL, 1),
        Example(
            "an answer with a status",
            _route('body = {"nom": "x"}\n    return JSONResponse(body, 404)'),
            Outcome.FAIL,
            1,
        ),
        Example("adds no key", case(files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example(
            "a French key that the contract names",
            _model("statut: str", f"{_CONTRACT}- [C-02] It answers `statut` too.\n"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "keys by language that the contract names",
            _route('return {f"title_{language}": "x"}', f"{_CONTRACT}Both `title_en` and `title_fr`.\n"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a table by language",
            _route('return {"titles": {language: "x", "fr": "y"}, "other": {language_of(language): 1}}'),
            Outcome.PASS,
            trap=True,
        ),
        Example("a French word that the contract has no English for", _model("salle: str"), Outcome.PASS, trap=True),
        Example("a word that both languages have", _model("date_reservation: str"), Outcome.PASS, trap=True),
        Example(
            "days, paths and numbers as keys",
            _route('return {"2031-05-05": 1, "/items": 2, "7": 3, "x-rate": 4}'),
            Outcome.PASS,
            trap=True,
        ),
        Example("an alias with a sign", _model('href: str = Field(alias="@id")'), Outcome.PASS, trap=True),
        Example(
            "French values",
            _route('return {"status": "annulé", "title": translate("nom")}'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "what another service answers, in French",
            _on(
                _CONTRACT,
                {"app/communes.py": "from pydantic import BaseModel\n\n\nclass Commune(BaseModel):\n    nom: str\n"},
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "words inside the code",
            _on(_CONTRACT, {"app/x.py": 'def f(nom: str) -> dict[str, str]:\n    return {"nom": nom}\n'}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a key that the team had",
            _on(
                _CONTRACT,
                {"app/items.py": _MODELS.format(field="statut: str")},
                {**BASE, "app/rooms.py": "class Room(BaseModel):\n    statut: str\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "headers and templates",
            _route('return JSONResponse({"name": "x"}, headers={"Nom de page": "x"})'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a field that is never served",
            _model("statut: str = Field(exclude=True)"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a model of the tests",
            _on(_CONTRACT, {"tests/models.py": _MODELS.format(field="statut: str")}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide for each model and each answer with an added key."""
        diff = diff_of(case)
        own = list(_own(diff))
        if not own:
            return not_applicable("no JSON key was added")
        words = _words(case.task)
        findings, shapes = [], 0
        for path, keys in own:
            shapes += 1
            findings += [finding for key in keys for finding in self._off(diff, path, key, words)]
        return decide(findings, opportunities=shapes)

    def _off(self, diff: Diff, path: str, key: Key, words: _Words) -> Iterator[Finding]:
        if key.made == "translated":
            yield diff.finding("a JSON key comes out of a translation", path, key.line)
        elif key.made == "language":
            if not all(f"{key.text}{language}" in words.all for language in _LANGUAGES):
                yield diff.finding("a JSON key follows the language of the request", path, key.line)
        elif key.text not in words.all:
            wrong = self._wrong(key.text, words)
            if wrong and not _had(diff, key.text):
                yield diff.finding(wrong, path, key.line)

    def _wrong(self, key: str, words: _Words) -> str:
        if not _PLAIN.fullmatch(key):
            return f"the JSON key '{key[:60]}' is no English name" if key else ""
        for part in (part.lower() for part in _WORDS.findall(key)):
            english = set(self.french.get(part, "").split()) & words.parts
            if english and part not in words.parts:
                return f"the JSON key '{key[:60]}' is French; the contract says '{min(english)}'"
        return ""


def _own(diff: Diff) -> Iterator[tuple[str, list[Key]]]:
    """The added keys of each shape that is served: (path, keys)."""
    added: list[tuple[str, Shape, list[Key]]] = []
    for path in diff.python:
        source = diff.source(path) if is_app(path) else None
        for shape in source.kept(served).shapes if source else ():
            keys = [key for key in shape.keys if diff.is_added(path, [key.line])]
            added += [(path, shape, keys)] if keys else []
    models = reached(_files(diff)) if any(shape.name for _, shape, _ in added) else frozenset()
    return ((path, keys) for path, shape, keys in added if not shape.name or shape.name in models)


def _files(diff: Diff) -> Iterator[Served]:
    for path in diff.final.files():
        source = diff.source(path) if is_app(path) else None
        if source is not None:
            yield source.kept(served)


def _had(diff: Diff, key: str) -> bool:
    """Whether the repo's own code spoke of this key before."""
    word = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
    return any(word.search(text_of(diff.base, path) or "") for path in diff.base.files() if is_app(path))


def _words(task: Task) -> _Words:
    return _read(task.contract, task.specs, task.root)


@lru_cache(maxsize=16)
def _read(contract: str, specs: str, root: Path) -> _Words:
    text = "\n".join([contract, specs, _openapi(root)])
    named = {name for match in _NAMED.finditer(text) for name in match.groups() if name}
    parts = {part.lower() for name in named for token in _TOKEN.findall(name) for part in _WORDS.findall(token)}
    return _Words(frozenset(_TOKEN.findall(text)), frozenset(parts))


def _openapi(root: Path) -> str:
    """The contract for machines, where the task has one."""
    try:
        return (root / "contract.openapi.yaml").read_text(encoding="utf-8")[:_MAX_OPENAPI]
    except (OSError, UnicodeDecodeError):
        return ""
