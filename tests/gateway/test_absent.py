"""A guardian that is not there, goes away, comes back, stands still, or says what nobody should say."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PLENTY, Gateway
from fake_guardian import SECONDS_MAX, SNAPSHOT, FakeGuardian
from msgspec.structs import replace

from supervisor.gateway.link import ASKS_MAX, URGENT_SPARE, Absent, Link, monotonic_ms
from supervisor.wire import PROTOCOL, Answer, Ask, Role, Verb

TEN_AMPS = {"value": 10, "unit": "A"}
ASK = Ask(0, Verb.HEARTBEAT, "homeassistant", "", None, "", "", None, "r", 0, False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "g.sock"


@pytest.fixture
def lonely(path: Path) -> Iterator[Gateway]:
    with Gateway(path, PLENTY) as running:
        yield running


def codes(gateway: Gateway) -> tuple[int, int, int]:
    """Of a write, of health, of a list."""
    write = gateway.put("wallbox.current_limit", TEN_AMPS)
    assert write.status_code == 200 or set(write.json()["error"]) == {"code", "message", "remedy"}
    return write.status_code, gateway.http.get("/healthz").status_code, gateway.http.get("/v1/targets").status_code


def test_without_a_guardian_writes_are_503_and_the_state_says_so(lonely: Gateway) -> None:
    assert codes(lonely) == (503, 503, 503)
    assert lonely.post("/v1/stop").status_code == 503
    state = lonely.http.get("/v1/state").json()
    assert (state["guardian"]["connected"], state["house"]["mode"], state["targets"]) == (False, "unknown", {})
    assert "powerwarden_guardian_connected 0.0" in lonely.http.get("/metrics").text


def test_the_guardian_goes_and_returns(lonely: Gateway, path: Path) -> None:
    for _ in range(2):
        with FakeGuardian(path) as guardian:
            lonely.until("snapshot")
            assert codes(lonely) == (200, 200, 200)
            hello = guardian.hellos.get_nowait()
            assert (hello.role, hello.protocol, hello.digest) == (Role.GATEWAY, PROTOCOL, "")
        lonely.until("lost")
        assert codes(lonely) == (503, 503, 503)


def test_a_guardian_that_stands_still_costs_at_most_a_second_and_a_bit(lonely: Gateway, path: Path) -> None:
    with FakeGuardian(path) as guardian:
        lonely.until("snapshot")
        guardian.muted = True
        began = time.monotonic()
        response = lonely.put("wallbox.current_limit", TEN_AMPS)
        assert time.monotonic() - began < 1.2
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "guardian_slow"
        guardian.muted = False
        assert lonely.put("wallbox.current_limit", TEN_AMPS).status_code == 200


def test_an_old_picture_is_not_shown_as_now(lonely: Gateway, path: Path) -> None:
    with FakeGuardian(path):
        lonely.until("snapshot")
        lonely.ahead_ms = 2_500
        assert codes(lonely) == (200, 503, 503)
        state = lonely.http.get("/v1/state").json()
        assert (state["guardian"]["connected"], state["house"]["mode"]) == (True, "unknown")
        assert state["guardian"]["snapshot_age_s"] >= 2.4
        metrics = lonely.http.get("/metrics").text
        assert "powerwarden_guardian_connected 1.0" in metrics
        assert "powerwarden_house_mode" not in metrics


def test_a_guardian_that_begins_with_another_word_is_left(lonely: Gateway, path: Path) -> None:
    with FakeGuardian(path) as guardian:
        guardian.first_word = Answer(1, "granted", 1, (), None)
        guardian.hellos.get(timeout=5)
        guardian.hellos.get(timeout=5)  # it hung up and tried again
        guardian.first_word = None
        lonely.until("snapshot")


def test_a_picture_of_another_site_ends_the_connection(lonely: Gateway, path: Path) -> None:
    with FakeGuardian(path) as guardian:
        lonely.until("snapshot")
        guardian.snapshot = replace(SNAPSHOT, readings=SNAPSHOT.readings[:-1])
        lonely.until("lost")
        assert lonely.http.get("/healthz").status_code == 503
        guardian.snapshot = SNAPSHOT
        lonely.until("snapshot")


def test_open_questions_are_bounded_and_a_stop_still_finds_room(path: Path) -> None:
    async def flood(guardian: FakeGuardian) -> list[str]:
        seen = asyncio.Event()
        link = Link(os.fspath(path), monotonic_ms, lambda _change: seen.set())
        line = asyncio.create_task(link.run())
        await asyncio.wait_for(seen.wait(), SECONDS_MAX)
        guardian.muted = True
        asks = [ASK] * (ASKS_MAX - URGENT_SPARE + 1) + [replace(ASK, verb=Verb.STOP)]
        ended = await asyncio.gather(*(link.ask(ask) for ask in asks), return_exceptions=True)
        line.cancel()
        return [error.code if isinstance(error, Absent) else repr(error) for error in ended]

    with FakeGuardian(path) as guardian:
        codes = asyncio.run(flood(guardian))
    assert codes == ["guardian_slow"] * (ASKS_MAX - URGENT_SPARE) + ["guardian_busy", "guardian_slow"]


def test_every_answer_finds_its_own_question(path: Path) -> None:
    async def many() -> list[int | None]:
        seen = asyncio.Event()
        link = Link(os.fspath(path), monotonic_ms, lambda _change: seen.set())
        line = asyncio.create_task(link.run())
        await asyncio.wait_for(seen.wait(), SECONDS_MAX)
        wish = replace(ASK, verb=Verb.SET, target="wallbox.current_limit", unit="mA", kind="live")
        said = await asyncio.gather(*(link.ask(replace(wish, value=n * 1_000)) for n in range(13)))
        line.cancel()
        return [answer.value for answer in said]

    with FakeGuardian(path):
        assert asyncio.run(many()) == [n * 1_000 for n in range(13)]
