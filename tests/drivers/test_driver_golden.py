"""Golden files: bytes in, readings out, as a person would write them down. One file per registered family."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from driver_cases import CASES, Case
from driver_wires import block, frame

from drivers.contract import (
    Ask,
    Driver,
    Failure,
    Frame,
    Heard,
    ReadRegisters,
    RegisterTable,
    Sample,
    SignalSpec,
    WriteLines,
    WriteRegisters,
)
from drivers.registry import FAMILIES
from supervisor.kernel.signal import Quality

FOLDER = Path(__file__).parent / "golden"


def heard_in_words(heard: Iterable[Heard], specs: Mapping[str, SignalSpec]) -> list[str]:
    lines = []
    for item in heard:
        if isinstance(item, Sample):
            spec = specs[item.name]
            named = spec.codes.get(item.value) if item.value is not None else None
            doubt = "" if item.quality is Quality.GOOD else f" ({item.quality.name.lower()})"
            value = "none" if item.value is None else item.value
            lines.append(f"{item.name} = {value} {named or spec.unit}{doubt}")
        else:
            lines.append(f"! {item.kind}")
    return lines


def ask_in_words(ask: Ask) -> str:
    if isinstance(ask, Frame):
        return f"{ask.can_id:03X} {ask.data.hex(' ').upper()}"
    if isinstance(ask, WriteLines):
        return "drive " + " ".join(f"{number}={level}" for number, level in ask.levels)
    assert isinstance(ask, WriteRegisters)
    return f"write {ask.address} " + " ".join(f"{word:04X}" for word in ask.words)


def look(driver: Driver, step: Mapping[str, Any], now_ms: int) -> tuple[list[Heard], int]:
    """The same levels, sampled every 10 ms up to and including ``until_ms``."""
    levels = {int(number): int(level) for number, level in (part.split("=") for part in step["lines"].split())}
    times = range(now_ms, step["until_ms"] + 1, 10)
    return [item for at_ms in times for item in driver.on_lines(levels, at_ms)], times[-1]


def read(driver: Driver, step: Mapping[str, Any], now_ms: int) -> tuple[list[Heard], int]:
    """Waits, in driver time, until the driver asks for this block. Other reads are answered with a time-out."""
    table, address, count = step["read"].split()
    wanted = (RegisterTable[table.upper()], int(address), int(count))
    words = {int(at): tuple(int(word, 16) for word in text.split()) for at, text in step["words"].items()}
    for at_ms in range(now_ms, now_ms + 10_000, 20):
        for ask in driver.poll(at_ms):
            assert isinstance(ask, ReadRegisters)
            if (ask.table, ask.address, ask.count) == wanted:
                return list(driver.on_registers(ask, block(ask.address, ask.count, words), at_ms + 10)), at_ms + 20
            driver.on_registers(ask, Failure.TIMEOUT, at_ms + 10)
    raise AssertionError(f"never asked for {step['read']}")


@pytest.mark.parametrize("stem", sorted(FAMILIES))
def test_golden(stem: str) -> None:
    golden = json.loads((FOLDER / f"{stem}.json").read_text(encoding="utf-8"))
    base = CASES[stem]
    case = Case(base.family, base.healthy, base.expect, options=golden.get("options", {}))
    specs = {spec.name: spec for spec in case.family.shape(case.complete()).signals}
    driver, now_ms = case.build(), 0
    for step in golden["steps"]:
        now_ms = step.get("at_ms", now_ms + 10)
        if "say" in step:
            assert [ask_in_words(ask) for ask in driver.say(step["say"], now_ms)] == step["asks"], step
            continue
        if "frame" in step:
            heard = list(driver.on_frame(frame(step["frame"]), now_ms))
        elif "lines" in step:
            heard, now_ms = look(driver, step, now_ms)
        else:
            heard, now_ms = read(driver, step, now_ms)
        assert heard_in_words(heard, specs) == step["heard"], step


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(FAMILIES)
