from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core.records import Cost, Limits, Usage
from harness.gateway.answer import Broken, Reply, judge, retry_after, same_model
from harness.gateway.exchange import Patience
from harness.gateway.meter import Account, OverLimit, Purse, Reservation, input_bound, micro
from harness.gateway.prices import PriceTable
from harness.gateway.screen import screen
from harness.gateway.sse import error_event, read_json, read_stream, usage_of

HAIKU = "claude-haiku-5-5"
CALLS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100)), min_size=1, max_size=40)
"""Worst case in micro-dollars, and the share of it that the call really costs in per cent."""


def _spend(purse: Purse, worst: int, share: int) -> int | None:
    """Cost of a call, None where it was refused; the caps of the chain hold at every moment."""
    if purse.reserve(worst) is not None:
        return None
    for each in purse._chain:
        spent = each.spent  # read first: it only grows, so the sum is never above a moment's true one
        assert each.cap is None or spent + each.reserved <= each.cap
    cost = worst * share // 100
    purse.settle(worst, cost)
    return cost


@settings(max_examples=60, deadline=None)
@given(st.lists(CALLS, min_size=1, max_size=4), st.integers(0, 600), st.integers(0, 1200))
def test_caps_hold_whatever_is_under_way(work: list[list[tuple[int, int]]], cap: int, run_cap: int) -> None:
    run = Purse(run_cap)
    purses = [Purse(cap, run) for _ in work]
    with ThreadPoolExecutor(4) as pool:
        spent = list(
            pool.map(lambda pair: [_spend(pair[0], *call) for call in pair[1]], zip(purses, work, strict=True))
        )
    for purse, costs in zip(purses, spent, strict=True):
        assert purse.spent == sum(cost or 0 for cost in costs) <= cap
    assert run.spent == sum(purse.spent for purse in purses) <= run_cap
    assert run.reserved == sum(purse.reserved for purse in purses) == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 100), st.integers(0, 100), st.booleans()), max_size=40),
    st.integers(0, 2_000),
)
def test_what_broken_calls_really_cost_stays_below_the_runs_cap(
    calls: list[tuple[int, int, int, bool]], cap: int
) -> None:
    """Whatever a provider charges beyond what a broken call told, up to its worst case."""
    run = Purse(cap)
    purse, charged = Purse(None, run), 0
    for worst, told_share, more_share, broken in calls:
        if purse.reserve(worst) is not None:
            continue
        told = worst * told_share // 100
        beyond = (worst - told) * more_share // 100 if broken else 0
        purse.settle(worst, told, worst - told if broken else 0)
        charged += told + beyond
        assert charged <= cap
        assert run.spent + run.unsettled + run.reserved <= cap


class HesitantPurse(Purse):
    """Lets every other thread run between finding room and taking it."""

    def _fits(self, amount: int) -> bool:
        fits = super()._fits(amount)
        time.sleep(0.005)
        return fits


def test_room_is_found_and_taken_in_one_step() -> None:
    run = HesitantPurse(10)
    purses = [HesitantPurse(10, run) for _ in range(4)]
    start = threading.Barrier(4)

    def take(purse: Purse) -> Purse | None:
        start.wait()
        return purse.reserve(6)

    with ThreadPoolExecutor(4) as pool:
        full = list(pool.map(take, purses))
    assert sorted(purse is None for purse in full) == [False, False, False, True]
    assert run.reserved == 6


def test_a_purse_says_which_one_is_full() -> None:
    run = Purse(10)
    mine, other = Purse(8, run), Purse(8, run)
    assert mine.reserve(8) is None
    assert mine.reserve(1) is mine
    assert other.reserve(3) is run
    assert (other.reserved, run.reserved) == (0, 8)
    mine.settle(8, 1)
    assert other.reserve(3) is None


@pytest.mark.parametrize(
    ("usd", "expected"), [(0.0, 0), (10.0, 10_000_000), (0.1, 100_000), (1e-7, 0), (0.0000019, 1), (2.675, 2_675_000)]
)
def test_a_cap_is_never_rounded_up(usd: float, expected: int) -> None:
    assert micro(usd) == expected


TEXTS = st.builds(
    lambda text, times: text * times,
    st.one_of(
        st.text(max_size=60),
        st.text("0123456789abcdef", max_size=60),
        st.text("預約會議室，這個時段已經被預訂了。", max_size=30),
        st.text("😀👩🏽‍💻🏳️‍🌈\U000e0067", max_size=20),
        st.text('\\"\n\t\x00', max_size=60),
        st.text("the booking is taken ", max_size=60),
    ),
    st.sampled_from([1, 1, 10, 200]),
)


@dataclass(frozen=True)
class Tokenizer:
    """What a provider counts; nothing in it knows of the harness's bound.

    It marks every message, puts its own words before a prompt, and cuts a text into pieces of its UTF-8 bytes, as long
    as the dice of this text say: at worst one byte each.
    """

    marks: int
    preamble: int
    an_image: int
    a_tool: int
    dice: random.Random

    def text(self, text: str) -> int:
        return -(-len(text.encode("utf-8", "replace")) // self.dice.choice((1, 1, 1, 2, 4, 7)))

    def value(self, value: Any) -> int:
        """Tokens of any JSON value that the model is shown, punctuation apart."""
        if isinstance(value, dict):
            return sum(self.text(key) + self.value(item) for key, item in value.items())
        if isinstance(value, list):
            return sum(map(self.value, value))
        return self.text(str(value))

    def prompt(self, request: Mapping[str, Any]) -> int:
        tools = sum(self.a_tool if "type" in tool else self.value(tool) for tool in request["tools"])
        said = sum(
            self.marks + (self.an_image if block["type"] == "image" else self.text(block["text"]))
            for message in request["messages"]
            for block in message["content"]
        )
        return self.preamble + self.text(request["system"]) + tools + said


@st.composite
def _requests(draw: st.DrawFn) -> dict[str, Any]:
    block = st.one_of(
        TEXTS.map(lambda text: {"type": "text", "text": text}),
        st.integers(0, 300).map(
            lambda size: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * size}}
        ),
    )
    message = st.fixed_dictionaries({"role": st.just("user"), "content": st.lists(block, max_size=4)})
    tool = st.one_of(
        st.just({"type": "bash_20250124", "name": "bash"}),
        st.fixed_dictionaries({"name": TEXTS, "description": TEXTS, "input_schema": st.just({"type": "object"})}),
    )
    request = {
        "model": HAIKU,
        "max_tokens": draw(st.integers(1, 300)),
        "system": draw(TEXTS),
        "messages": draw(st.lists(message, max_size=4)),
        "tools": draw(st.lists(tool, max_size=3)),
    }
    lifetime = draw(st.sampled_from([None, "5m", "1h"]))
    cache = {"cache_control": {"type": "ephemeral", "ttl": lifetime} if lifetime else {"type": "ephemeral"}}
    return request | (cache if draw(st.booleans()) else {})


def _billed(request: Mapping[str, Any], tokenizer: Tokenizer) -> Usage:
    """Usage of a call, its prompt at whichever rates the provider chooses among those that were asked for."""
    prompt, dice = tokenizer.prompt(request), tokenizer.dice
    kinds = ["input"]
    if "cache_control" in request:
        kinds = [
            "input",
            "cache_read",
            "cache_write_1h" if "1h" in request["cache_control"].values() else "cache_write_5m",
        ]
    at = dice.randint(0, prompt)
    counts = Counter({dice.choice(kinds): at})
    counts[kinds[-1]] += prompt - at
    return Usage(output=dice.randint(0, request["max_tokens"]), **counts)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(_requests(), min_size=1, max_size=5),
    st.builds(
        Tokenizer, st.integers(0, 12), st.integers(0, 1_000), st.integers(1, 5_000), st.integers(1, 1_000), st.randoms()
    ),
    st.booleans(),
    st.integers(0, 400_000),
)
def test_whatever_a_tokenizer_counts_no_call_costs_more_than_was_set_aside_and_no_cap_is_passed(
    requests: list[dict[str, Any]], tokenizer: Tokenizer, ascii_only: bool, cap: int
) -> None:
    run = Purse(cap)
    account = _account(run=run)
    for request in requests:
        ask = screen(json.dumps(request, ensure_ascii=ascii_only).encode("utf-8", "replace"), HAIKU)
        tokens = input_bound(len(ask.body) - ask.image_bytes, ask.images, ask.named_tools)
        try:
            reservation = account.reserve(tokens, ask.max_tokens, hour=ask.hour)
        except OverLimit:
            continue
        cost = account.settle(reservation, _billed(request, tokenizer))
        assert reservation.micro_usd is not None
        assert cost.micro_usd <= reservation.micro_usd
        assert run.spent <= cap


# --- accounts --------------------------------------------------------------------------------------------------------


def _account(model: str = HAIKU, run: Purse | None = None, **limits: Any) -> Account:
    run = run or Purse(None)
    return Account(PriceTable.load(), model, Limits(**limits), Purse(None, run), run)


def test_a_call_is_booked_at_its_real_price() -> None:
    run = Purse(None)
    account = _account(run=run)
    reservation = account.reserve(1000, 100)
    assert reservation == Reservation(2500)
    assert account.settle(reservation, Usage(input=1000, output=50)) == Cost(micro_usd=1250)
    metered = account.metered()
    assert (metered.usage, metered.cost, metered.calls) == (Usage(input=1000, output=50), Cost(micro_usd=1250), 1)
    assert (run.spent, run.reserved) == (1250, 0)


def test_a_broken_turn_is_money_but_no_call() -> None:
    account = _account()
    cost = account.settle(account.reserve(1000, 100), Usage(input=1000), exact=False, call=False)
    assert cost == Cost(micro_usd=1000, complete=False)
    assert (account.metered().calls, account.metered().cost) == (0, cost)


@pytest.mark.parametrize(("usd", "fits"), [(0.0025, True), (0.002499, False)])
def test_money_is_refused_to_the_micro_dollar(usd: float, fits: bool) -> None:
    account = _account(usd=usd)
    if fits:
        assert account.reserve(1000, 100).micro_usd == 2500
    else:
        with pytest.raises(OverLimit) as caught:
            account.reserve(1000, 100)
        assert (caught.value.limit, caught.value.owner) == ("money", "attempt")


def test_what_is_under_way_counts() -> None:
    account = _account(usd=0.004)
    first = account.reserve(1000, 100)
    with pytest.raises(OverLimit):
        account.reserve(1000, 100)
    account.settle(first, Usage(input=1000))
    assert account.reserve(1000, 100).micro_usd == 2500


def test_the_runs_cap_is_told_apart() -> None:
    with pytest.raises(OverLimit) as caught:
        _account(run=Purse(2499)).reserve(1000, 100)
    assert (caught.value.limit, caught.value.owner) == ("money", "run")
    assert caught.value.message == ("this call may cost 2500 micro-USD; of the run's 2499, 0 are spent and 0 reserved")


def test_tokens_are_refused_once_they_are_used() -> None:
    account = _account(tokens=100)
    account.settle(account.reserve(1, 1), Usage(input=50, cache_read=49))
    account.settle(account.reserve(1, 1), Usage(output=1))
    with pytest.raises(OverLimit, match="100 of 100 tokens are used"):
        account.reserve(1, 1)


def test_without_a_price_money_cannot_refuse() -> None:
    account = _account("other", usd=0.0)
    reservation = account.reserve(10**9, 10**9)
    assert reservation == Reservation(None)
    assert account.settle(reservation, Usage(input=5)) == Cost(complete=False)


# --- reading answers -------------------------------------------------------------------------------------------------


def _sse(*events: dict[str, Any], end: str = "\n\n") -> bytes:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}{end}" for event in events).encode()


START = {
    "type": "message_start",
    "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 4}},
}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 8}}
STOP = {"type": "message_stop"}
TEXT = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": '"type": "error"'}}


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
def test_a_whole_stream(end: str) -> None:
    message = read_stream(_sse(START, TEXT, DELTA, STOP, end=end))
    assert (message.model, message.stop_reason, message.fault) == ("m", "end_turn", None)
    assert message.usage == Usage(input=9, output=8, cache_read=4)


def test_events_without_a_name_are_read_by_their_type() -> None:
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (START, TEXT, DELTA, STOP))
    assert read_stream(b": hello\n\n" + body).fault is None


WHOLE = _sse(START, TEXT, DELTA, STOP)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_stream_cut_anywhere_is_not_whole(at: int) -> None:
    message = read_stream(WHOLE[:at])
    assert message.fault == "drop"
    assert message.usage.total in (0, 14, 21)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "drop"),
        (_sse(START, STOP), "garbled answer"),
        (_sse(DELTA, STOP), "garbled answer"),
        (_sse(STOP), "garbled answer"),
        (_sse(START, {"type": "error", "error": {"type": "overloaded_error"}}), "sse error overloaded_error"),
        (_sse({"type": "error"}), "sse error unknown"),
        (_sse(START, DELTA, STOP, {"type": "error", "error": {"type": "api_error"}}), "sse error api_error"),
        (b"event: message_start\ndata: {\n\n", "garbled answer"),
        (b"event: message_start\ndata: []\n\n", "garbled answer"),
        (b'event: message_start\ndata: {"type": "message_start"}\n\n', "garbled answer"),
        (b"event: message_stop\ndata: " + b"[" * 100_000 + b"\n\n", "garbled answer"),
    ],
)
def test_a_broken_stream(body: bytes, fault: str) -> None:
    assert read_stream(body).fault == fault


@given(st.binary(max_size=200))
def test_nothing_that_comes_in_raises(body: bytes) -> None:
    assert read_stream(body).fault is not None
    assert read_json(body).fault is not None
    assert isinstance(judge(200, {}, body, stream=False, now=0), Broken)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({}, Usage()),
        ({"cache_creation_input_tokens": 7}, Usage(cache_write_5m=7)),
        ({"cache_creation_input_tokens": None, "cache_creation": None, "cache_read_input_tokens": None}, Usage()),
        (
            {
                "cache_creation_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            },
            Usage(cache_write_5m=3, cache_write_1h=4),
        ),
        (
            {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 4}},
            Usage(cache_write_5m=5, cache_write_1h=4),
        ),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 3}}, Usage(cache_write_5m=3)),
    ],
)
def test_usage_as_the_api_tells_it(told: dict[str, Any], usage: Usage) -> None:
    assert usage_of({"input_tokens": 0, "output_tokens": 0, **told}) == usage


@pytest.mark.parametrize("value", [-1, "3", 1.5, True, None])
def test_usage_that_makes_no_sense_is_no_answer(value: object) -> None:
    body = {"model": "m", "stop_reason": "end_turn", "usage": {"input_tokens": value, "output_tokens": 0}}
    assert read_json(json.dumps(body).encode()).fault == "garbled answer"


def test_an_error_stays_on_one_line_of_a_stream() -> None:
    assert error_event(b'{"a":\n1}') == b'event: error\ndata: {"a": 1}\n\n'


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "2", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:02:00 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_retry_after(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=100.0) == seconds


@pytest.mark.parametrize(
    ("status", "again"), [(400, False), (401, False), (408, True), (409, True), (413, False), (429, True), (503, True)]
)
def test_which_statuses_are_tried_again(status: int, again: bool) -> None:
    outcome = judge(status, {}, b"{}", stream=False, now=0)
    assert isinstance(outcome, Broken if again else Reply)
    assert not (isinstance(outcome, Broken) and outcome.charged)


@pytest.mark.parametrize(
    ("answered", "same"),
    [("m-5", True), ("m-5-20260801", True), ("m-5-2026", False), ("m-55", False), ("m", False), ("", False)],
)
def test_same_model(answered: str, same: bool) -> None:
    assert same_model("m-5", answered) is same


@given(st.integers(0, 10_000))
def test_waits_double_up_to_the_cap(retries: int) -> None:
    patience = Patience(first_s=1.0, cap_s=30.0)
    whole = min(30.0, 2.0 ** min(retries, 6))
    assert 0.75 * whole <= patience.back_off(retries) <= whole
