"""S12: A key that follows the language of its reader is a key that no client can look up.

Read are the JSON keys that added code takes and gives (`graders/servedkeys.py`, `graders/answerkeys.py`): fields and
aliases of models that a route leads to, literal keys of its answers, columns that it answers as they are. A key is
unstable where a translation or the request's language makes it, where it takes the place of one that the repo served
and the contract keeps (`graders/stablekeys.py`), and where it writes in camel case what the contract writes in snake
case. It is not English where it is no plain ASCII word, where it says in French what the contract says in English, or
where it has no English word and stands in an object that lacks just the contract's key. A key that the contract or
the specs name is right whatever it looks like, and so is one that the team had before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from graders.addedlines import Diff, diff_of, text_of
from graders.answerkeys import Key
from graders.contractkeys import Words, words_of
from graders.keyplaces import Added, displacing, miscased
from graders.pycode import is_app
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from graders.servedkeys import App, Served, served
from graders.stablekeys import Touched, touched
from graders.vocabulary import FRENCH, parts
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source

_PLAIN = re.compile(r"[!-~]+")
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
_LISTED = """from app.tables import Item, items

from fastapi import APIRouter

router = APIRouter()


class Answer(BaseModel):
    {fields}


@router.get("/items")
async def list_items(session: Session) -> {answer}:
    {body}
"""
_OUT = "name: str\n    title: str\n    starts_at: str\n    "
_CONTRACT = "- [C-01] `GET /items` answers `items`, each with `name`, `title`, `status` and `starts_at`.\n"


def _model(field: str, contract: str = _CONTRACT) -> Case:
    return _on(contract, {"app/items.py": _MODELS.format(field=field)})


def _route(body: str, contract: str = _CONTRACT) -> Case:
    return _on(contract, {"app/items.py": _ROUTE.format(body=body)})


def _listed(
    body: str = "return []",
    fields: str = "name: str",
    answer: str = "object",
    more: str = "",
    old: str = "",
    contract: str = _CONTRACT,
) -> Case:
    """A module with a model and a route; `old` are the fields that the model had before."""
    code = _LISTED.format(fields=fields, body=body, answer=answer) + more
    base = {**BASE, "app/items.py": _LISTED.format(fields=old, body=body, answer=answer)} if old else BASE
    return _on(contract, {"app/items.py": code}, base)


def _on(contract: str, files: Mapping[str, str], base: Mapping[str, str] = BASE) -> Case:
    delivery = case(base=base, files=files)
    return replace(delivery, task=replace(delivery.task, contract=contract))


@dataclass(frozen=True)
class S12:
    """Clients find every key under the same English name."""

    french: Mapping[str, str] = field(default_factory=lambda: FRENCH)
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
        Example("keys of a dictionary's arguments", _listed('return dict(nom="x", title="y")'), Outcome.FAIL, 1),
        Example(
            "a message of a socket",
            _listed(more='\n\nasync def tell(socket: WebSocket) -> None:\n    await socket.send_json({"statut": 1})\n'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "an event of a stream",
            _listed(more="\n\nasync def told():\n    yield f\"data: {json.dumps({'statut': 1})}\\n\\n\"\n"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a message to another's socket, and a text for the log",
            _on(
                _CONTRACT,
                {
                    "app/feed.py": 'async def f(feed, log):\n    await feed.send_json({"statut": 1})\n'
                    '    log.info(json.dumps({"nom": 1}))\n'
                },
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "rows as they come",
            _listed('rows = await session.fetch("SELECT name, statut FROM items")\n    return [dict(r) for r in rows]'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "rows with English names",
            _listed(
                'rows = await session.fetch("SELECT name, statut AS status FROM items")\n'
                "    return [dict(r) for r in rows]"
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "rows behind a model",
            _listed(
                'rows = await session.fetch("SELECT name, statut FROM items")\n'
                "    return [Answer(**dict(r)) for r in rows]",
                answer="list[Answer]",
            ),
            Outcome.PASS,
            opportunities=1,
            trap=True,
        ),
        Example(
            "a column's French label",
            _listed(
                'query = select(items.c.name, items.c.status.label("statut"))\n'
                "    return [dict(r) for r in (await session.execute(query)).mappings()]"
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "an object that the database builds",
            _listed("return await session.scalar(\"SELECT json_build_object('name', name, 'statut', s) FROM items\")"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a class of the database, encoded as it is",
            _listed(
                "return jsonable_encoder(list(await session.scalars(select(Kind))))",
                more="\n\nclass Kind(Base):\n    statut: Mapped[str]\n",
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a class of the database that nobody answers",
            _listed("return {}", more="\n\nclass Kind(Base):\n    statut: Mapped[str]\n"),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a key that is put in later",
            _listed(
                'found = await all_items()\n    for item in found:\n        item["nom"] = item.pop("name")\n'
                "    return found"
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "aliases from a French table",
            _listed(
                fields="model_config = ConfigDict(alias_generator=lambda name: NAMES.get(name, name))\n    name: str",
                answer="Answer",
                more='\n\nNAMES = {"name": "nom"}\n',
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "camel case where the contract has none",
            _listed(fields="model_config = ConfigDict(alias_generator=to_camel)\n    starts_at: str", answer="Answer"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "camel case as the contract has it, from a parent",
            _listed(
                fields="model_config = ConfigDict(alias_generator=to_camel)\n    name: str",
                answer="Child",
                more="\n\nclass Child(Answer):\n    starts_at: str\n",
                contract=_CONTRACT.replace("starts_at", "startsAt"),
            ),
            Outcome.PASS,
            opportunities=2,
            trap=True,
        ),
        Example(
            "both cases are taken",
            _model('starts_at: str = Field(validation_alias=AliasChoices("starts_at", "startsAt"))'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a word in no English where the contract has another",
            _listed(fields=_OUT + "zustand: str\n    items: list[str]", answer="Answer"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "an English word where the contract has another",
            _listed(fields=_OUT + "state: str\n    items: list[str]", answer="Answer"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a word beside all that the contract has",
            _listed(fields=_OUT + "status: str\n    items: list[str]\n    zustand: str", answer="Answer"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a served key under another name",
            _listed(fields=_OUT + "state: str", old=_OUT + "status: str", answer="Answer"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a served key that is gone",
            _listed(fields=_OUT, old=_OUT + "status: str", answer="Answer"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a served key behind an alias",
            _listed(fields=_OUT + 'status: str = Field(alias="phase")', old=_OUT + "status: str", answer="Answer"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a served key that the contract takes back",
            _listed(
                fields=_OUT,
                old=_OUT + "status: str",
                answer="Answer",
                contract=_CONTRACT + "- [C-02] Visitors are not told the `status`.\n",
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a served key that moves into an object of its own",
            _listed(
                fields="name: str\n    title: Title",
                old=_OUT,
                answer="Answer",
                more="\n\nclass Title(BaseModel):\n    starts_at: str\n",
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a served model becomes the short form of a longer one",
            _listed(
                fields="name: str\n    title: str",
                old=_OUT,
                answer="Answer",
                more="\n\nclass Full(Answer):\n    starts_at: str\n\n\n"
                '@router.get("/items/1")\nasync def show() -> Full:\n    return await found()\n',
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a field of a request that is refused from now on",
            _on(
                _CONTRACT,
                {
                    "app/items.py": _MODELS.format(field="title: str")
                    .replace("items()", "items(item: Item)")
                    .replace("list[Item]", "None")
                },
                {
                    **BASE,
                    "app/items.py": _MODELS.format(field="title: str\n    status: str")
                    .replace("items()", "items(item: Item)")
                    .replace("list[Item]", "None"),
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the same keys from a parent",
            _on(
                _CONTRACT,
                {
                    "app/items.py": _LISTED.format(fields="starts_at: str", answer="Answer", body="return []").replace(
                        "Answer(BaseModel)", "Answer(Named)"
                    )
                    + "\n\nclass Named(BaseModel):\n    name: str\n    title: str\n"
                },
                {**BASE, "app/items.py": _LISTED.format(fields=_OUT, answer="Answer", body="return []")},
            ),
            Outcome.PASS,
            opportunities=1,
            trap=True,
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
        """Decide for each model and each answer with an added key, and for each served model that was changed."""
        diff = diff_of(case)
        added = list(_added(diff))
        if not added and not any(is_app(path) and path.endswith(".py") for path in diff.readable):
            return not_applicable("no JSON key was added")
        words, app = words_of(case.task), App(_files(diff))
        shapes = [one for one in added if not one.shape.name or one.shape.name in app.reached]
        shapes = [Added(one.path, one.shape, keys) for one in shapes if (keys := _own(diff, app, one))]
        changed = list(touched(diff, app, words))
        if not shapes and not changed:
            return not_applicable("no JSON key was added or changed")
        findings = [finding for one in shapes for finding in self._off(diff, app, one, words)]
        findings += [finding for one in changed for finding in _lost(diff, one)]
        fresh = {one.name for one in changed} - {one.shape.name for one in shapes}
        return decide(findings, opportunities=len(shapes) + len(fresh))

    def _off(self, diff: Diff, app: App, one: Added, words: Words) -> Iterator[Finding]:
        displaced = displacing(app, one, words)
        for key in one.keys:
            wrong = self._told(key, words) or displaced.get(key.text, "") or miscased(key, app, one, words)
            if wrong and (key.made or not _had(diff, key.text)):
                yield diff.finding(wrong, one.path, key.line)

    def _told(self, key: Key, words: Words) -> str:
        """What is wrong with a key by itself."""
        if key.made == "translated":
            return "a JSON key comes out of a translation"
        if key.made == "language":
            named = all(f"{key.text}{language}" in words.all for language in _LANGUAGES)
            return "" if named else "a JSON key follows the language of the request"
        return "" if key.text in words.all else self._wrong(key.text, words)

    def _wrong(self, key: str, words: Words) -> str:
        if not _PLAIN.fullmatch(key):
            return f"the JSON key '{key[:60]}' is no English name" if key else ""
        for part in parts(key):
            english = set(self.french.get(part, "").split()) & words.parts
            if english and part not in words.parts:
                return f"the JSON key '{key[:60]}' is French; the contract says '{min(english)}'"
        return ""


def _added(diff: Diff) -> Iterator[Added]:
    """Shapes with an added line that spells a key."""
    for path in diff.python:
        source = diff.source(path) if is_app(path) else None
        for shape in source.kept(served).shapes if source else ():
            keys = tuple(key for key in shape.keys if diff.is_added(path, [key.line]))
            if keys:
                yield Added(path, shape, keys)


def _own(diff: Diff, app: App, one: Added) -> tuple[Key, ...]:
    """The added keys as they are served."""
    if not one.shape.name:
        return one.keys
    return tuple(key for key in app.spelled(one.shape) if diff.is_added(one.path, [key.line]))


def _files(diff: Diff) -> Iterator[Served]:
    for path in diff.final.files():
        source = diff.source(path) if is_app(path) else None
        if source is not None:
            yield source.kept(served)


def _had(diff: Diff, key: str) -> bool:
    """Whether the repo's own code spoke of this key before."""
    word = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
    return any(word.search(text_of(diff.base, path) or "") for path in diff.base.files() if is_app(path))


def _lost(diff: Diff, one: Touched) -> Iterator[Finding]:
    for key in one.gone:
        yield diff.finding(f"{one.name} served the JSON key '{key}', and the contract keeps it", one.path, one.line)
