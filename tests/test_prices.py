from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.records import Cost, Usage
from harness.gateway.prices import PriceTable, Rates

COUNTS = st.integers(0, 2_000_000)
USAGES = st.builds(Usage, input=COUNTS, output=COUNTS, cache_read=COUNTS, cache_write_5m=COUNTS, cache_write_1h=COUNTS)
PRICES = st.decimals(0, 100, places=4)
RATES = st.builds(Rates, input=PRICES, output=PRICES, cache_write_5m=PRICES, cache_write_1h=PRICES, cache_read=PRICES)
OPUS = "claude-opus-5-5"
FILE = """
date = "2027-01-31"
[models.m]
input = 0.1
output = 0.2
cache_write_5m = 0.3
cache_write_1h = 0.4
cache_read = 0.05
"""


@pytest.mark.parametrize(
    ("usage", "micro"),
    [
        (Usage(), 0),
        (Usage(input=1_000_000), 5_000_000),
        (Usage(output=1_000_000), 25_000_000),
        (Usage(cache_write_5m=1_000_000), 6_250_000),
        (Usage(cache_write_1h=1_000_000), 10_000_000),
        (Usage(cache_read=1_000_000), 500_000),
        (Usage(cache_read=1), 1),
        (Usage(cache_read=2), 1),
        (Usage(cache_read=3), 2),
        (Usage(input=10, output=4, cache_read=100, cache_write_5m=4, cache_write_1h=1), 50 + 100 + 50 + 25 + 10),
    ],
)
def test_every_kind_of_token_has_its_own_price(usage: Usage, micro: int) -> None:
    assert PriceTable.load().cost(OPUS, usage) == Cost(micro_usd=micro)


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"])
def test_cache_prices_of_the_shipped_table_follow_the_input_price(model: str) -> None:
    rates = PriceTable.load().rates(model)
    assert rates is not None
    assert rates.cache_write_5m == rates.input * Decimal("1.25")
    assert rates.cache_write_1h == rates.input * 2
    assert rates.cache_read == rates.input / 10
    assert rates.output == rates.input * 5


def test_a_dated_snapshot_has_the_price_of_its_model() -> None:
    table = PriceTable.load()
    assert table.rates(f"{OPUS}-20260801") == table.rates(OPUS)
    assert table.rates(f"{OPUS}-2026") is None


def test_an_unknown_model_costs_a_floor_of_nothing() -> None:
    table = PriceTable.load()
    assert table.cost("other", Usage(input=1)) == Cost(micro_usd=0, complete=False)
    assert table.cost("other", Usage()) == Cost(micro_usd=0, complete=True)
    assert table.worst("other", 1, 1) is None


def test_reference_players_are_free() -> None:
    table = PriceTable.load()
    assert table.cost("reference/oracle", Usage(input=10**9)) == Cost()
    assert table.worst("reference/oracle", 10**9, 10**9) == 0
    assert table.rates("references") is None


@given(RATES, USAGES)
def test_no_call_costs_more_than_its_worst_case(rates: Rates, usage: Usage) -> None:
    assert rates.micro_usd(usage) <= rates.worst(usage.total - usage.output, usage.output)


@given(RATES, USAGES, USAGES)
def test_a_call_never_costs_less_than_its_exact_price(rates: Rates, one: Usage, two: Usage) -> None:
    apart = rates.micro_usd(one) + rates.micro_usd(two)
    assert 0 <= apart - rates.micro_usd(one + two) <= 1


def test_a_table_of_ones_own_is_exact(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(FILE)
    table = PriceTable.load(tmp_path / "mine.toml")
    assert table.date == "2027-01-31"
    assert table.cost("m", Usage(input=10)) == Cost(micro_usd=1)
    assert table.cost("m", Usage(input=11)) == Cost(micro_usd=2)
    assert table.worst("m", 10, 10) == 6
    assert table.rates(OPUS) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("date = ", "no valid TOML"),
        ("", "date: Field required; models: Field required"),
        (FILE.replace("output = 0.2\n", ""), "models.m.output: Field required"),
        (FILE.replace("0.2", "-0.2"), "models.m.output: Input should be greater than or equal to 0"),
        (FILE.replace("0.2", "inf"), "models.m.output: Input should be a finite number"),
        (FILE.replace("0.2", '"dear"'), "models.m.output: Input should be a valid decimal"),
        (FILE.replace("output", "outputs"), "models.m.output: Field required; models.m.outputs: Extra inputs"),
        (FILE.replace("2027-01-31", "January"), "date: String should match pattern"),
        ('date = "2027-01-31"\n[models]\n', "models: Dictionary should have at least 1 item"),
    ],
)
def test_a_broken_table_is_told_with_file_and_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        PriceTable.load(path)
    assert caught.value.where == str(path)
    assert told in caught.value.message
    assert caught.value.mend


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_table_is_the_users_to_mend(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        PriceTable.load(path)
