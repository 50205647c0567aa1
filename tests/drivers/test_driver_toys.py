"""The blueprint's dead-man, and the toy's handshake: what the copied pattern promises."""

from __future__ import annotations

import pytest
from driver_cases import CASES, ENTROPY, toy_round
from toy_handshake import FAMILY as TOY
from toy_handshake import answer_to

from drivers import blueprint
from drivers.contract import Defect, DefectKind, Driver, Failure, Heard, Sample, SendBytes, WriteRegisters
from supervisor.kernel.signal import Quality


def rod() -> Driver:
    return CASES["blueprint"].build()


def watts(driver: Driver, limit: int, now_ms: int) -> list[int]:
    asks = list(driver.say({"power_limit": limit}, now_ms))
    assert all(isinstance(ask, WriteRegisters) and ask.address == 10 for ask in asks)
    return [ask.words[0] for ask in asks if isinstance(ask, WriteRegisters)]


def test_the_rod_is_renewed_from_say_and_no_more_often_than_it_needs() -> None:
    driver = rod()
    sent = [now_ms for now_ms in range(0, 60_000, 50) if watts(driver, 2_000_000, now_ms)]
    assert sent == list(range(0, 60_000, 10_000))
    assert max(sent[1:]) - sent[0] < blueprint.DEAD_MAN_MS
    assert watts(driver, 1_999_999, 55_001) == [1999]
    assert watts(driver, 9_999_000, 55_002) == [3000]
    assert watts(driver, -1, 55_003) == [0]


def test_a_refused_write_is_said_again_in_the_next_cycle() -> None:
    driver = rod()
    (ask,) = driver.say({"power_limit": 0}, 0)
    assert isinstance(ask, WriteRegisters)
    (defect,) = driver.on_registers(ask, Failure.TIMEOUT, 300)
    assert isinstance(defect, Defect)
    assert watts(driver, 0, 350) == [0]
    driver.on_registers(ask, (), 360)
    assert watts(driver, 0, 400) == []


def toy_line(driver: Driver) -> bytes:
    (ask,) = driver.poll(0)
    assert isinstance(ask, SendBytes)
    return ask.data


def kinds(heard: object) -> list[DefectKind]:
    return [item.kind for item in heard if isinstance(item, Defect)]  # type: ignore[attr-defined]


def test_the_challenge_is_answered_with_our_own_entropy() -> None:
    driver, other = TOY.build({}, ENTROPY), TOY.build({}, bytes(32))
    hello = toy_line(driver)
    assert hello != toy_line(other)
    driver.on_bytes(b"CHALLENGE 00c0ffee\n", 0)
    assert toy_line(driver) == b"ANSWER " + answer_to(b"00c0ffee", hello.split()[1]) + b"\n"


def test_nothing_is_believed_or_said_before_the_welcome() -> None:
    driver = TOY.build({}, ENTROPY)
    assert kinds(driver.on_bytes(b"P 100\n", 0)) == [DefectKind.GARBAGE]
    assert list(driver.say({"limit": 0}, 0)) == []
    toy_round(driver, 1_000)
    assert list(driver.on_bytes(b"P 100\n", 2_000)) == [Sample("power", 100_000)]
    assert list(driver.say({"limit": 7_000}, 2_000)) == [SendBytes(b"SET 7\n")]


def test_a_wrong_answer_is_denied_and_tried_again_with_another_nonce() -> None:
    driver = TOY.build({}, ENTROPY)
    first = toy_line(driver)
    assert kinds(driver.on_bytes(b"DENIED\n", 10)) == [DefectKind.AUTH]
    assert list(driver.poll(4_999)) == []
    (again,) = driver.poll(5_000)
    assert isinstance(again, SendBytes)
    assert again.data != first


@pytest.mark.parametrize("cut", range(1, 9))
def test_pieces_of_any_length_make_the_same_lines(cut: int) -> None:
    driver = TOY.build({}, ENTROPY)
    toy_round(driver, 0)
    stream = b"P 100\nP 5001\nnonsense\nP 7\n"
    heard: list[Heard] = []
    for start in range(0, len(stream), cut):
        heard += driver.on_bytes(stream[start : start + cut], 100)
    assert [item for item in heard if isinstance(item, Sample)] == [
        Sample("power", 100_000),
        Sample("power", None, Quality.INVALID),
        Sample("power", 7_000),
    ]
    assert kinds(heard) == [DefectKind.RANGE, DefectKind.GARBAGE]


def test_a_line_without_an_end_does_not_grow() -> None:
    driver = TOY.build({}, ENTROPY)
    toy_round(driver, 0)
    assert kinds(driver.on_bytes(b"x" * 200, 100)) == [DefectKind.GARBAGE]
    assert list(driver.on_bytes(b"P 5\n", 100)) == [Sample("power", 5_000)]
