"""What tokens cost: a dated table, exact arithmetic, and an honest "unknown" for a model that is not in it.

Dollars per million tokens are micro-dollars per token, so the table's numbers are used as they stand. Every call is
rounded up to a whole micro-dollar: sums are exact integers, and no worst case is ever below the real cost of a call
that stays within it.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import Field, ValidationError

from harness.core.errors import UsageError
from harness.core.records import Cost, Record, Usage

REFERENCE = "reference/"
"""Models below this name are players of the harness and cost nothing."""

SHIPPED = Path(__file__).with_name("prices.toml")
"""The table to use where a user names none."""
_SNAPSHOT = re.compile(r"-\d{8}$")


class Rates(Record):
    """Prices of one model, in USD per million tokens."""

    input: Decimal = Field(ge=0, allow_inf_nan=False)
    output: Decimal = Field(ge=0, allow_inf_nan=False)
    cache_write_5m: Decimal = Field(ge=0, allow_inf_nan=False)
    cache_write_1h: Decimal = Field(ge=0, allow_inf_nan=False)
    cache_read: Decimal = Field(ge=0, allow_inf_nan=False)

    def micro_usd(self, usage: Usage) -> int:
        """Price of one call in micro-dollars, rounded up."""
        return math.ceil(
            self.input * usage.input
            + self.output * usage.output
            + self.cache_write_5m * usage.cache_write_5m
            + self.cache_write_1h * usage.cache_write_1h
            + self.cache_read * usage.cache_read
        )

    def worst(self, input_tokens: int, max_tokens: int, *, hour: bool = True) -> int:
        """The most that a call of this size can cost, in micro-dollars: the whole prompt at its dearest rate.

        `hour` False: it writes no cache that is kept for an hour.
        """
        dearest = max(self.input, self.cache_write_5m, self.cache_read, self.cache_write_1h if hour else Decimal(0))
        return math.ceil(dearest * input_tokens + self.output * max_tokens)


class _PriceFile(Record):
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    models: dict[str, Rates] = Field(min_length=1)


class PriceTable:
    """Rates by model, as of `date` (ISO 8601)."""

    def __init__(self, date: str, rates: Mapping[str, Rates]) -> None:
        self.date = date
        self._rates = dict(rates)

    @classmethod
    def load(cls, path: Path | None = None) -> PriceTable:
        """The table in `path`, or the one that is shipped; `UsageError` naming every mistake in the file."""
        source = path or SHIPPED
        try:
            data = tomllib.loads(source.read_text(encoding="utf-8"), parse_float=Decimal)
            found = _PriceFile.model_validate(data)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"cannot be read: {error}", where=str(source), mend="name a readable price file"
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"no valid TOML: {error}", where=str(source), mend="mend the line it names") from error
        except ValidationError as error:
            raise UsageError(_mistakes(error), where=str(source), mend=f"use the form of {SHIPPED.name}") from error
        return cls(found.date, found.models)

    def rates(self, model: str) -> Rates | None:
        """Rates of a model or of the undated name of a dated snapshot, None where the table has none."""
        if model.startswith(REFERENCE):
            return _FREE
        return self._rates.get(model) or self._rates.get(_SNAPSHOT.sub("", model))

    def cost(self, model: str, usage: Usage) -> Cost:
        """Cost of one call; incomplete (a floor of nothing) where tokens were used and the model has no price."""
        rates = self.rates(model)
        return Cost(complete=usage.total == 0) if rates is None else Cost(micro_usd=rates.micro_usd(usage))

    def worst(self, model: str, input_tokens: int, max_tokens: int, *, hour: bool = True) -> int | None:
        """The most a call can cost in micro-dollars, None where the model has no price."""
        rates = self.rates(model)
        return None if rates is None else rates.worst(input_tokens, max_tokens, hour=hour)


_FREE = Rates(
    input=Decimal(0), output=Decimal(0), cache_write_5m=Decimal(0), cache_write_1h=Decimal(0), cache_read=Decimal(0)
)


def _mistakes(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
