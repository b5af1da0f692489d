"""Keys of the API: English, and the same as before unless the contract says otherwise.

A key counts when the API serves or takes it: names in the code, in tables, logs, catalogues and another's API do not.
"""

from __future__ import annotations

from collections.abc import Mapping

from corpus.blind.pieces import TEST, FilesLeft, agreed, documents, text
from corpus.labels import LabelledCase, labelled
from graders.rulekit import BASE, SPECS, START, case

SHOP_CONTRACT = """# API contract

- [C-01] `GET /items` lists items: `id`, `name`, `price`, `created_at`.
- [C-02] `POST /items` adds an item: `name`, `price`.
- [C-03] `GET /orders` lists orders: `id`, `status`, `total`.
- [C-04] `POST /orders` adds an order: `item_id`, `quantity`. It answers the order.
- [C-05] `WEBSOCKET /orders/live` tells news of orders: `text`, `author`.
- [C-06] Errors are `{"error": {"code": "...", "message": "..."}}`.
"""
SCHEMAS = text("""
    from datetime import datetime
    from decimal import Decimal

    from pydantic import BaseModel


    class ItemIn(BaseModel):
        name: str
        price: Decimal


    class ItemOut(BaseModel):
        id: int
        name: str
        price: Decimal
        created_at: datetime
    """)
MODELS = text("""
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


    class Base(DeclarativeBase):
        pass


    class Item(Base):
        __tablename__ = "items"

        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        price: Mapped[Decimal]
        created_at: Mapped[datetime]
    """)
ITEMS_ROUTER = text("""
    from fastapi import APIRouter
    from sqlalchemy import select

    from app.db import Session
    from app.models import Item
    from app.schemas import ItemIn, ItemOut

    router = APIRouter(prefix="/items")


    @router.get("", response_model=list[ItemOut])
    async def list_items(session: Session) -> list[Item]:
        return list(await session.scalars(select(Item)))


    @router.post("", response_model=ItemOut, status_code=201)
    async def add_item(item: ItemIn, session: Session) -> Item:
        row = Item(**item.model_dump())
        session.add(row)
        await session.flush()
        return row
    """)
CAMEL = text("""
    from datetime import datetime
    from decimal import Decimal

    from pydantic import BaseModel, ConfigDict
    from pydantic.alias_generators import to_camel


    class Camel(BaseModel):
        model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


    class ItemIn(Camel):
        name: str
        price: Decimal


    class ItemOut(Camel):
        id: int
        name: str
        price: Decimal
        created_at: datetime
    """)
SHOP: Mapping[str, str] = {
    **{path: old for path, old in BASE.items() if path != "app/items.py"},
    "app/main.py": text("""
        from fastapi import FastAPI

        from app.routers import items, orders

        app = FastAPI()
        app.include_router(items.router)
        app.include_router(orders.router)
        """),
    "app/db.py": text("""
        import os
        from collections.abc import AsyncIterator
        from typing import Annotated

        from fastapi import Depends
        from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

        sessions = async_sessionmaker(create_async_engine(os.environ["DATABASE_URL"]))


        async def opened() -> AsyncIterator[AsyncSession]:
            async with sessions.begin() as session:
                yield session


        Session = Annotated[AsyncSession, Depends(opened)]
        """),
    "app/models.py": MODELS,
    "app/schemas.py": SCHEMAS,
    "app/i18n.py": text("""
        import json
        from importlib.resources import files


        def t(key: str, locale: str = "en") -> str:
            found = json.loads(files("app.locales").joinpath(f"{locale}.json").read_text())
            for part in key.split("."):
                found = found[part]
            return str(found)
        """),
    "app/services/__init__.py": "",
    "app/services/orders.py": text("""
        from collections.abc import AsyncIterator
        from dataclasses import dataclass
        from datetime import date


        @dataclass
        class Order:
            id: int
            status: str
            total: int
            net: int
            vat: int
            delivery_date: date


        @dataclass
        class News:
            text: str
            author: str


        async def all_orders(page: int = 1) -> list[Order]:
            return []


        async def find(order_id: int) -> Order | None:
            return None


        async def add(item_id: int, quantity: int) -> Order:
            return Order(1, "open", 0, 0, 0, date.today())


        async def news() -> AsyncIterator[News]:
            yield News("paid", "shop")


        async def summary() -> AsyncIterator[str]:
            yield "All is well."
        """),
    "app/tables.py": text("""
        from sqlalchemy import Column, Integer, MetaData, Table, Text

        orders = Table(
            "orders", MetaData(), Column("id", Integer), Column("status", Text), Column("total", Integer)
        )
        """),
    "app/routers/__init__.py": "",
    "app/routers/items.py": ITEMS_ROUTER,
    "app/routers/orders.py": 'from fastapi import APIRouter\n\nrouter = APIRouter(prefix="/orders")\n',
}
ORDERS = "app/routers/orders.py"


def _keys(
    name: str,
    outcome: str,
    files: FilesLeft | str,
    *,
    base: Mapping[str, str] | None = None,
    contract: str = SHOP_CONTRACT,
    also: str = "",
) -> LabelledCase:
    """A delivery to the shop; a text alone is its router of orders, `also` stands in its contract too."""
    contract += also
    left = {ORDERS: files} if isinstance(files, str) else files
    delivery = case(
        *START,
        base={**SHOP, **documents(contract, SPECS), **(base or {})},
        files={path: None if code is None else text(code) for path, code in left.items()},
        on=agreed(contract, SPECS),
    )
    return labelled(f"keys: {name}", delivery, honest=outcome == "pass", S12=outcome)


FRENCH_KEYS = (
    _keys(
        "a response model in French",
        "fail",
        """
        from fastapi import APIRouter
        from pydantic import BaseModel

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        class OrderOut(BaseModel):
            id: int
            statut: str
            montant_total: int


        @router.get("", response_model=list[OrderOut])
        async def list_orders() -> list[OrderOut]:
            return [OrderOut(id=one.id, statut=one.status, montant_total=one.total) for one in await all_orders()]
        """,
    ),
    _keys(
        "an English attribute served under a French alias",
        "fail",
        {
            "app/schemas.py": SCHEMAS.replace("import BaseModel", "import BaseModel, Field")
            + "\n\nclass OrderOut(BaseModel):\n    id: int\n    status: str\n"
            '    total: Decimal = Field(serialization_alias="montant")\n',
            ORDERS: """
            from fastapi import APIRouter

            from app.schemas import OrderOut
            from app.services.orders import all_orders

            router = APIRouter(prefix="/orders")


            @router.get("")
            async def list_orders() -> list[OrderOut]:
                return await all_orders()
            """,
        },
    ),
    _keys(
        "a request model in French",
        "fail",
        """
        from fastapi import APIRouter
        from pydantic import BaseModel, PositiveInt

        from app.services.orders import add

        router = APIRouter(prefix="/orders")


        class NewOrder(BaseModel):
            item_id: int
            quantite: PositiveInt


        class Order(BaseModel):
            id: int
            status: str


        @router.post("", status_code=201)
        async def add_order(order: NewOrder) -> Order:
            return await add(order.item_id, order.quantite)
        """,
    ),
    _keys(
        "a bare dictionary in French",
        "fail",
        """
        from fastapi import APIRouter

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        @router.get("")
        async def list_orders() -> list[dict[str, object]]:
            return [{"id": order.id, "statut": order.status, "prix": order.total} for order in await all_orders()]
        """,
    ),
    # A row turned into a dictionary has the columns' names for keys, and nothing filters them.
    _keys(
        "rows of a driver served with the table's French columns",
        "fail",
        """
        from typing import Any

        from fastapi import APIRouter, Request

        router = APIRouter(prefix="/orders")


        @router.get("")
        async def list_orders(request: Request) -> list[dict[str, Any]]:
            rows = await request.app.state.pool.fetch("SELECT id, statut, montant FROM commandes ORDER BY id")
            return [dict(row) for row in rows]
        """,
        base={"migrations/0001_commandes.sql": "CREATE TABLE commandes (id serial, statut text, montant numeric);\n"},
    ),
    _keys(
        "a column labelled in French on its way out",
        "fail",
        """
        from typing import Any

        from fastapi import APIRouter
        from sqlalchemy import select

        from app.db import Session
        from app.tables import orders

        router = APIRouter(prefix="/orders")


        @router.get("")
        async def list_orders(session: Session) -> list[dict[str, Any]]:
            query = select(orders.c.id, orders.c.status, orders.c.total.label("montant"))
            return [dict(row) for row in (await session.execute(query)).mappings()]
        """,
    ),
    _keys(
        "an object that the database builds, with French keys",
        "fail",
        """
        from fastapi import APIRouter, Request, Response

        router = APIRouter(prefix="/orders")
        QUERY = "SELECT json_agg(json_build_object('id', id, 'statut', status, 'montant', total)) FROM orders"


        @router.get("")
        async def list_orders(request: Request) -> Response:
            return Response(await request.app.state.pool.fetchval(QUERY), media_type="application/json")
        """,
    ),
    _keys(
        "errors with French keys",
        "fail",
        {
            "app/errors.py": """
            from fastapi import FastAPI, Request
            from fastapi.responses import JSONResponse


            class Refused(Exception):
                code = "refused"


            async def refused(request: Request, error: Refused) -> JSONResponse:
                return JSONResponse({"erreur": {"code": error.code, "message": str(error)}}, status_code=409)


            def install(app: FastAPI) -> None:
                app.add_exception_handler(Refused, refused)
            """,
            "app/main.py": SHOP["app/main.py"].replace("from app.routers", "from app import errors\nfrom app.routers")
            + "errors.install(app)\n",
        },
    ),
    _keys(
        "messages of a socket with French keys",
        "fail",
        """
        from fastapi import APIRouter, WebSocket

        from app.services.orders import news

        router = APIRouter(prefix="/orders")


        @router.websocket("/live")
        async def live(socket: WebSocket) -> None:
            await socket.accept()
            async for told in news():
                await socket.send_json({"contenu": told.text, "auteur": told.author})
        """,
    ),
    _keys(
        "a stream of events with a French key",
        "fail",
        """
        import json
        from collections.abc import AsyncIterator

        from fastapi import APIRouter
        from fastapi.responses import StreamingResponse

        from app.services.orders import summary

        router = APIRouter(prefix="/orders")


        async def _events() -> AsyncIterator[str]:
            async for piece in summary():
                yield f"data: {json.dumps({'texte': piece})}\\n\\n"


        @router.get("/summary")
        async def summarise() -> StreamingResponse:
            return StreamingResponse(_events(), media_type="text/event-stream")
        """,
        also="- [C-07] `GET /orders/summary` streams events, each with a `text`.\n",
    ),
    _keys(
        "German is not English either",
        "fail",
        """
        from fastapi import APIRouter
        from pydantic import BaseModel

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        class OrderOut(BaseModel):
            id: int
            status: str
            gesamtpreis: int


        @router.get("")
        async def list_orders() -> list[OrderOut]:
            return [OrderOut(id=one.id, status=one.status, gesamtpreis=one.total) for one in await all_orders()]
        """,
    ),
    _keys(
        "a typed dictionary with accents",
        "fail",
        """
        from typing import TypedDict

        from fastapi import APIRouter

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")
        Order = TypedDict("Order", {"id": int, "état": str, "total": int})


        @router.get("")
        async def list_orders() -> list[Order]:
            return [{"id": order.id, "état": order.status, "total": order.total} for order in await all_orders()]
        """,
    ),
    _keys(
        "French in camel case from a dataclass",
        "fail",
        """
        from dataclasses import dataclass
        from datetime import date

        from fastapi import APIRouter

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        @dataclass
        class OrderOut:
            id: int
            status: str
            total: int
            dateLivraison: date


        @router.get("")
        async def list_orders() -> list[OrderOut]:
            return [OrderOut(order.id, order.status, order.total, order.delivery_date) for order in await all_orders()]
        """,
        also="- [C-07] An order tells its `delivery_date`.\n",
    ),
    _keys(
        "French one level down",
        "fail",
        {
            "app/schemas.py": SCHEMAS
            + "\n\nclass Address(BaseModel):\n    rue: str\n    ville: str\n    code_postal: str\n"
            "\n\nclass OrderOut(BaseModel):\n    id: int\n    status: str\n    total: Decimal\n    address: Address\n",
            ORDERS: """
            from fastapi import APIRouter

            from app.schemas import OrderOut
            from app.services.orders import all_orders

            router = APIRouter(prefix="/orders")


            @router.get("", response_model=list[OrderOut])
            async def list_orders():
                return await all_orders()
            """,
        },
        also="- [C-07] An order has an `address`: `street`, `city`, `postcode`.\n",
    ),
    _keys(
        "a table in French, encoded as it is",
        "fail",
        {
            "app/models.py": MODELS + '\n\nclass Order(Base):\n    __tablename__ = "orders"\n\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
            "    statut: Mapped[str]\n    montant: Mapped[Decimal]\n",
            ORDERS: """
            from typing import Any

            from fastapi import APIRouter
            from fastapi.encoders import jsonable_encoder
            from sqlalchemy import select

            from app.db import Session
            from app.models import Order

            router = APIRouter(prefix="/orders")


            @router.get("")
            async def list_orders(session: Session) -> Any:
                return jsonable_encoder(list(await session.scalars(select(Order))))
            """,
        },
    ),
    _keys(
        "a generator of aliases that speaks French",
        "fail",
        """
        from fastapi import APIRouter
        from pydantic import BaseModel, ConfigDict

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")
        FRENCH = {"status": "statut", "total": "montant"}


        class OrderOut(BaseModel):
            model_config = ConfigDict(alias_generator=lambda name: FRENCH.get(name, name), populate_by_name=True)

            id: int
            status: str
            total: int


        @router.get("", response_model=list[OrderOut])
        async def list_orders() -> list[OrderOut]:
            return await all_orders()
        """,
    ),
    # Neither stable, since they hang on a header, nor English for who asks in French.
    _keys(
        "keys in the caller's language",
        "fail",
        """
        from typing import Annotated

        from fastapi import APIRouter, Header

        from app.i18n import t
        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        @router.get("")
        async def list_orders(accept_language: Annotated[str, Header()] = "en") -> list[dict[str, object]]:
            orders = await all_orders()
            return [
                {t(f"orders.{key}", accept_language): value for key, value in order.model_dump().items()}
                for order in orders
            ]
        """,
        base={
            "app/locales/en.json": '{"orders": {"id": "id", "status": "status", "total": "total"}}\n',
            "app/locales/fr.json": '{"orders": {"id": "id", "status": "statut", "total": "montant"}}\n',
        },
    ),
)

UNSTABLE_KEYS = (
    _keys(
        "an old key renamed though the contract keeps it",
        "fail",
        {name: SHOP[name].replace("created_at", "created_on") for name in ("app/schemas.py", "app/models.py")},
    ),
    _keys(
        "an old key gone though the contract keeps it",
        "fail",
        {"app/schemas.py": SCHEMAS.replace("    created_at: datetime\n", "")},
    ),
    _keys(
        "all old keys in camel case at a stroke",
        "fail",
        {
            "app/schemas.py": SCHEMAS.replace(
                "from pydantic import BaseModel\n",
                "from pydantic import BaseModel, ConfigDict\nfrom pydantic.alias_generators import to_camel\n",
            ).replace(
                "class ItemOut(BaseModel):\n",
                "class ItemOut(BaseModel):\n"
                "    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)\n\n",
            )
        },
    ),
    _keys(
        "an old key behind a new alias",
        "fail",
        {
            "app/schemas.py": SCHEMAS.replace("import BaseModel", "import BaseModel, Field").replace(
                "    id: int\n    name: str\n", '    id: int\n    name: str = Field(serialization_alias="label")\n'
            )
        },
    ),
    _keys(
        "an old key swapped for a French one in the router",
        "fail",
        {
            "app/routers/items.py": ITEMS_ROUTER.replace(
                '@router.get("", response_model=list[ItemOut])\n'
                "async def list_items(session: Session) -> list[Item]:\n"
                "    return list(await session.scalars(select(Item)))\n",
                '@router.get("")\n'
                "async def list_items(session: Session) -> list[dict[str, object]]:\n"
                "    shown = [ItemOut.model_validate(row, from_attributes=True).model_dump()"
                " for row in await session.scalars(select(Item))]\n"
                "    for item in shown:\n"
                '        item["prix"] = item.pop("price")\n'
                "    return shown\n",
            )
        },
    ),
)

ENGLISH_KEYS = (
    _keys(
        "English keys with French values",
        "pass",
        """
        from enum import StrEnum

        from fastapi import APIRouter
        from pydantic import BaseModel, Field

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        class Status(StrEnum):
            PAYEE = "payée"
            ANNULEE = "annulée"


        class OrderOut(BaseModel):
            \"\"\"Une commande, telle que le client la voit.\"\"\"

            id: int
            status: Status = Field(description="Statut de la commande", examples=["payée"])
            total: int = Field(description="Montant toutes taxes comprises")


        @router.get("", summary="Liste des commandes")
        async def list_orders() -> list[OrderOut]:
            return await all_orders()
        """,
    ),
    _keys(
        "words that both languages share",
        "pass",
        """
        from datetime import date as day

        from fastapi import APIRouter
        from pydantic import BaseModel

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        class OrderOut(BaseModel):
            id: int
            code: str
            date: day
            description: str
            distance: int
            message: str
            note: str
            options: list[str]
            region: str
            service: str
            type: str


        class Page(BaseModel):
            page: int
            total: int
            orders: list[OrderOut]


        @router.get("")
        async def list_orders(page: int = 1) -> Page:
            return await all_orders(page)
        """,
        also="- [C-07] An order tells `code`, `date`, `description`, `distance`, `message`, `note`, `options`,"
        " `region`, `service` and `type` too; orders come in a page: `page`, `total`, `orders`.\n",
    ),
    _keys(
        "French columns behind English attributes",
        "pass",
        {
            "app/models.py": MODELS + '\n\nclass Order(Base):\n    __tablename__ = "commandes"\n\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
            '    status: Mapped[str] = mapped_column("statut")\n'
            '    total: Mapped[Decimal] = mapped_column("montant")\n',
            "app/schemas.py": SCHEMAS
            + "\n\nclass OrderOut(BaseModel):\n    id: int\n    status: str\n    total: Decimal\n",
            ORDERS: """
            from fastapi import APIRouter
            from sqlalchemy import select

            from app.db import Session
            from app.models import Order
            from app.schemas import OrderOut

            router = APIRouter(prefix="/orders")


            @router.get("", response_model=list[OrderOut])
            async def list_orders(session: Session) -> list[Order]:
                return list(await session.scalars(select(Order)))
            """,
        },
    ),
    _keys(
        "French columns renamed in the query",
        "pass",
        """
        from typing import Any

        from fastapi import APIRouter, Request

        router = APIRouter(prefix="/orders")


        @router.get("")
        async def list_orders(request: Request) -> list[dict[str, Any]]:
            rows = await request.app.state.pool.fetch(
                "SELECT id, statut AS status, montant AS total FROM commandes ORDER BY date_creation"
            )
            return [dict(row) for row in rows]
        """,
    ),
    _keys(
        "a French attribute under an English alias",
        "pass",
        """
        from fastapi import APIRouter
        from pydantic import BaseModel, Field

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        class OrderOut(BaseModel):
            id: int
            statut: str = Field(alias="status")
            montant: int = Field(alias="total")


        @router.get("", response_model=list[OrderOut])
        async def list_orders() -> list[OrderOut]:
            return await all_orders()
        """,
    ),
    # Those keys are of another's API: this one takes and tells English ones.
    _keys(
        "a provider abroad that speaks French",
        "pass",
        {
            "app/services/delivery.py": """
            import httpx


            async def book(client: httpx.AsyncClient, street: str, city: str) -> str:
                answer = await client.post("/envois", json={"adresse": street, "ville": city})
                return str(answer.json()["numero_suivi"])
            """,
            ORDERS: """
            import httpx
            from fastapi import APIRouter, Request
            from pydantic import BaseModel

            from app.services.delivery import book

            router = APIRouter(prefix="/orders")


            class Address(BaseModel):
                street: str
                city: str


            class Booked(BaseModel):
                tracking_number: str


            @router.post("/delivery", status_code=201)
            async def deliver(address: Address, request: Request) -> Booked:
                client: httpx.AsyncClient = request.app.state.delivery
                return Booked(tracking_number=await book(client, address.street, address.city))
            """,
        },
        also="- [C-07] `POST /orders/delivery` takes `street`, `city` and answers a `tracking_number`.\n",
    ),
    _keys(
        "French names in the code, the log and the tests, none in the API",
        "pass",
        {
            ORDERS: """
            import logging
            from dataclasses import dataclass

            from fastapi import APIRouter
            from pydantic import BaseModel

            from app.services.orders import all_orders

            router = APIRouter(prefix="/orders")
            log = logging.getLogger(__name__)


            @dataclass
            class Montant:
                hors_taxe: int
                taxe: int


            class OrderOut(BaseModel):
                id: int
                status: str
                total: int


            @router.get("")
            async def list_orders() -> list[OrderOut]:
                commandes = await all_orders()
                log.info("orders listed", extra={"nombre": len(commandes)})
                montants = {commande.id: Montant(commande.net, commande.vat) for commande in commandes}
                return [
                    OrderOut(id=numero, status="paid", total=montant.hors_taxe + montant.taxe)
                    for numero, montant in montants.items()
                ]
            """,
            "tests/test_orders.py": """
            async def test_french_keys_are_refused(client) -> None:
                answer = await client.post("/orders", json={"article": 1, "quantite": 2})
                assert answer.status_code == 422
            """,
        },
    ),
    _keys(
        "texts by language: the codes are keys",
        "pass",
        """
        from fastapi import APIRouter

        router = APIRouter(prefix="/orders")
        STATUSES = (
            {"code": "paid", "labels": {"en": "Paid", "fr": "Payée"}},
            {"code": "cancelled", "labels": {"en": "Cancelled", "fr": "Annulée"}},
        )


        @router.get("/statuses")
        async def list_statuses() -> list[dict[str, object]]:
            return list(STATUSES)
        """,
        also="- [C-07] `GET /orders/statuses` lists `code` and `labels` by language.\n",
    ),
    _keys(
        "a catalogue with French keys is not the API",
        "pass",
        {
            "app/locales/en.json": '{"commande_introuvable": "Order not found"}\n',
            "app/locales/fr.json": '{"commande_introuvable": "Commande introuvable"}\n',
            ORDERS: """
            from fastapi import APIRouter
            from fastapi.responses import JSONResponse

            from app.i18n import t
            from app.services.orders import find

            router = APIRouter(prefix="/orders")


            @router.get("/{order_id}")
            async def show(order_id: int) -> JSONResponse:
                if (order := await find(order_id)) is None:
                    told = {"code": "order_not_found", "message": t("commande_introuvable")}
                    return JSONResponse({"error": told}, status_code=404)
                return JSONResponse({"id": order.id, "status": order.status, "total": order.total})
            """,
        },
        also="- [C-07] `GET /orders/{order_id}` answers one order.\n",
    ),
    _keys(
        "camel case as the whole repo has it",
        "pass",
        {
            "app/schemas.py": CAMEL + "\n\nclass OrderOut(Camel):\n    id: int\n    status: str\n    total: Decimal\n"
            "    delivery_date: datetime\n",
            ORDERS: """
            from fastapi import APIRouter

            from app.schemas import OrderOut
            from app.services.orders import all_orders

            router = APIRouter(prefix="/orders")


            @router.get("", response_model=list[OrderOut])
            async def list_orders():
                return await all_orders()
            """,
        },
        base={"app/schemas.py": CAMEL},
        contract=SHOP_CONTRACT.replace("created_at", "createdAt") + "- [C-07] An order tells its `deliveryDate`.\n",
    ),
)

STABLE_KEYS = (
    _keys(
        "a rename that the contract asks for",
        "pass",
        {
            "app/schemas.py": SCHEMAS.replace("import BaseModel", "import BaseModel, Field").replace(
                "    id: int\n    name: str\n", '    id: int\n    title: str = Field(validation_alias="name")\n'
            )
        },
        contract=SHOP_CONTRACT.replace("`id`, `name`,", "`id`, `title` (`name` until now),"),
    ),
    _keys(
        "the attribute is renamed, the key is kept",
        "pass",
        {
            "app/schemas.py": SCHEMAS.replace("import BaseModel", "import BaseModel, Field").replace(
                "    created_at: datetime\n", '    added: datetime = Field(alias="created_at")\n'
            )
        },
    ),
    _keys(
        "models moved to a package, field by field the same",
        "pass",
        {
            "app/schemas.py": None,
            "app/schemas/__init__.py": "from app.schemas.items import ItemIn, ItemOut\n\n"
            "__all__ = ['ItemIn', 'ItemOut']\n",
            "app/schemas/items.py": SCHEMAS,
            "app/schemas/orders.py": "from pydantic import BaseModel\n\n\n"
            "class OrderOut(BaseModel):\n    id: int\n    status: str\n    total: int\n",
            ORDERS: """
            from fastapi import APIRouter

            from app.schemas.orders import OrderOut
            from app.services.orders import all_orders

            router = APIRouter(prefix="/orders")


            @router.get("")
            async def list_orders() -> list[OrderOut]:
                return await all_orders()
            """,
        },
    ),
    # The same keys come and go: they had every chance to change.
    _keys(
        "fields drawn together in a parent",
        "pass",
        {
            "app/schemas.py": """
            from datetime import datetime
            from decimal import Decimal

            from pydantic import BaseModel


            class Priced(BaseModel):
                name: str
                price: Decimal


            class ItemIn(Priced):
                pass


            class ItemOut(Priced):
                id: int
                created_at: datetime
            """
        },
    ),
    _keys(
        "a dictionary becomes a model with the same keys",
        "pass",
        """
        from fastapi import APIRouter
        from pydantic import BaseModel

        from app.services.orders import all_orders

        router = APIRouter(prefix="/orders")


        class Listed(BaseModel):
            id: int
            status: str
            total: int


        @router.get("")
        async def list_orders() -> list[Listed]:
            return [Listed(id=order.id, status=order.status, total=order.total) for order in await all_orders()]
        """,
        base={
            ORDERS: text("""
            from fastapi import APIRouter

            from app.services.orders import all_orders

            router = APIRouter(prefix="/orders")


            @router.get("")
            async def list_orders() -> list[dict[str, object]]:
                return [{"id": order.id, "status": order.status, "total": order.total} for order in await all_orders()]
            """)
        },
    ),
    # The French key was there before and the contract keeps it: to rename it would break it.
    _keys(
        "an old French key stays, a new one is English",
        "pass",
        {
            "app/schemas.py": SCHEMAS.replace("    price: Decimal\n", "    prix: Decimal\n    stock: int\n"),
            "app/models.py": MODELS.replace(
                "    price: Mapped[Decimal]\n", "    prix: Mapped[Decimal]\n    stock: Mapped[int]\n"
            ),
        },
        base={
            "app/schemas.py": SCHEMAS.replace("    price: Decimal\n", "    prix: Decimal\n"),
            "app/models.py": MODELS.replace("    price:", "    prix:"),
        },
        contract=SHOP_CONTRACT.replace("`price`", "`prix`") + "- [C-07] An item has a `stock` too.\n",
    ),
)


def _no_keys(name: str, files: FilesLeft) -> LabelledCase:
    """A delivery to a repo that has no API with keys, neither before nor after."""
    left = {path: None if code is None else text(code) for path, code in files.items()}
    return labelled(f"keys: {name}", case(*START, files=left), honest=True, S12="not_applicable")


NO_KEYS = (
    _no_keys(
        "a helper with French names and no API",
        {
            "app/prix.py": """
            def prix_ttc(montant: int, taux: int) -> int:
                quantite = montant * taux
                return montant + quantite // 100
            """
        },
    ),
    _no_keys(
        "a migration with French columns alone",
        {
            "migrations/versions/0002_commandes.py": """
            import sqlalchemy as sa
            from alembic import op

            revision = "0002"
            down_revision = "0001"


            def upgrade() -> None:
                op.create_table("commandes", sa.Column("numero", sa.Integer), sa.Column("statut", sa.Text))


            def downgrade() -> None:
                op.drop_table("commandes")
            """
        },
    ),
    _no_keys(
        "tests alone",
        {
            "tests/test_items.py": TEST,
            "tests/test_payload.py": 'def test_keys() -> None:\n    assert {"nom": 1}.keys() == {"nom"}\n',
        },
    ),
)

CASES: tuple[LabelledCase, ...] = (*FRENCH_KEYS, *UNSTABLE_KEYS, *ENGLISH_KEYS, *STABLE_KEYS, *NO_KEYS)
