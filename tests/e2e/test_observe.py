"""``--observe``: the same house, watched without any write path. Judged from the wire: the rig sees no write at all."""

from __future__ import annotations

import json
import signal
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from running_house import RunningHouse, running_house

DEVICES = ("battery", "relays", "meter", "wallbox")


@pytest.fixture(scope="module")
def watched() -> Iterator[RunningHouse]:
    with running_house(observe=True) as house:
        yield house


def journal(house: RunningHouse) -> list[dict[str, Any]]:
    """Every whole line of the running journal."""
    lines: list[str] = []
    for path in sorted((house.dir / "journal").glob("*.gz")):
        text = zlib.decompressobj(wbits=31).decompress(path.read_bytes()).decode()
        lines += text.split("\n")[:-1]
    return [json.loads(line) for line in lines]


def no_writes(house: RunningHouse) -> None:
    for device in DEVICES:
        assert house.writes(device) == [], device
    senders = {line["sender"] for line in house.trace("can0") if "sender" in line}
    assert senders <= {"battery", "relays"}


def test_the_house_is_in_observe_and_sees_everything(watched: RunningHouse) -> None:
    watched.until_mode("observe")
    seen = watched.until_seen(lambda _, s: not s.trips and sum(r.quality == 0 for r in s.readings) > 40, "the readings")
    assert seen.mode == "observe"


def test_a_request_is_judged_but_nothing_is_written(watched: RunningHouse) -> None:
    answer = watched.set("wallbox.current", 10, "A", "setting", 600)
    assert answer["verdict"] == "granted"
    assert "house.observe" in [clause["rule"] for clause in answer["clauses"]]
    watched.until_seen(lambda _, s: s.targets[-1].output == 10_000, "what it would have said")
    no_writes(watched)


def test_the_journal_tells_what_it_would_have_done(watched: RunningHouse) -> None:
    def would_have() -> bool:
        records = journal(watched)
        said = [output for record in records for output in record.get("o", [])]
        return records[0]["would_have"] is True and [4, 10_000] in said

    watched.until(would_have, "10 A in the journal", 10)


def test_faults_restarts_and_silence_write_nothing_either(watched: RunningHouse) -> None:
    watched.fault("meter", fault="silent")
    watched.until_seen(lambda _, s: any(t.rule == "limits.meter_lost" for t in s.trips), "the loss of the meter")
    watched.fault("meter", clear=True)
    for part in ("can0", "lan", "gateway", "guardian"):
        pid = watched.process(part).pid
        watched.kill(part)
        watched.until(lambda part=part, pid=pid: new(watched, part, pid), f"{part} again")
        watched.until_mode("observe")
    with watched.stopped("guardian"):
        cycles = len(watched.trace("can0")) + 100
        watched.until(lambda: len(watched.trace("can0")) > cycles, "several seconds of the wire", 20)
    watched.until_mode("observe")
    no_writes(watched)


def new(house: RunningHouse, part: str, pid: int) -> bool:
    try:
        return house.process(part).pid != pid
    except LookupError:
        return False


def test_stopping_says_no_farewell(watched: RunningHouse) -> None:
    assert watched.product is not None
    watched.product.send_signal(signal.SIGTERM)
    assert watched.product.wait(15) == 0
    no_writes(watched)
