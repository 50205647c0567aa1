"""A SunSpec inverter of the tests' own: registers, and a line that can fail. It knows the driver's contract only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from driver_cases import SUNSPEC_CONTROLS, SUNSPEC_INVERTER

from drivers.contract import Defect, Driver, Failure, Heard, ReadRegisters, Sample, WriteRegisters
from drivers.sunspec_modbus import FAMILY

SUNS, END = (0x5375, 0x6E53), (0xFFFF, 0)
COMMON, COMMON_PADDED = (1, 65, *[0] * 65), (1, 66, *[0] * 66)
UNKNOWN = (160, 8, *[0] * 8)
RATING_W = 10_000
RATING = RATING_W * 1000
NI_U16 = 0xFFFF


def options(base: str = "auto", revert_s: int = 60, step_permille: int = 10) -> dict[str, int | bool | str]:
    own = {"base": base, "rating_w": RATING_W, "revert_s": revert_s, "step_permille": step_permille}
    return {"unit": 1, "host": "h", "port": 1502, **own}


def inverter(base: str = "auto", revert_s: int = 60, step_permille: int = 10) -> Driver:
    return FAMILY.build(options(base, revert_s, step_permille), bytes(32))


def with_words(model: Sequence[int], changes: dict[int, int]) -> tuple[int, ...]:
    return tuple(changes.get(offset, word) for offset, word in enumerate(model))


def memory(base: int, *models: Sequence[int]) -> dict[int, int]:
    """A register map: the marker, the models one after the other, and the end of the chain."""
    words = [*SUNS, *(word for model in models for word in model), *END]
    return {base + place: word for place, word in enumerate(words)}


@dataclass
class Box:
    """An inverter of the test's own: registers, and a line that can fail. Time stands in ``now_ms``."""

    driver: Driver = field(default_factory=inverter)
    registers: dict[int, int] = field(
        default_factory=lambda: memory(40000, COMMON, SUNSPEC_INVERTER, UNKNOWN, SUNSPEC_CONTROLS)
    )
    failure: Failure | None = None
    silent: frozenset[int] = frozenset()
    deaf: bool = False
    now_ms: int = 0
    reads: list[tuple[int, int, int]] = field(default_factory=list)
    heard: dict[str, Sample] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    writes: list[tuple[int, int, tuple[int, ...]]] = field(default_factory=list)

    def note(self, heard: Iterable[Heard]) -> None:
        for item in heard:
            if isinstance(item, Sample):
                self.heard[item.name] = item
            else:
                self.defects.append(item)

    def reply(self, ask: ReadRegisters) -> Sequence[int] | Failure:
        if self.failure is not None:
            return self.failure
        if ask.address in self.silent:
            return Failure.TIMEOUT
        words = [self.registers.get(ask.address + place) for place in range(ask.count)]
        return Failure.EXCEPTION if None in words else [word for word in words if word is not None]

    def run(self, span_ms: int, power_limit: int | None = None) -> Box:
        """Lets time pass in steps of 20 ms; with ``power_limit`` the guardian says it in each of them."""
        for _ in range(0, span_ms, 20):
            self.now_ms += 20
            for ask in self.driver.poll(self.now_ms):
                assert isinstance(ask, ReadRegisters)
                self.reads.append((self.now_ms, ask.address, ask.count))
                self.note(self.driver.on_registers(ask, self.reply(ask), self.now_ms + 1))
            if power_limit is not None:
                self.say(power_limit)
        return self

    def say(self, power_limit: int) -> list[tuple[int, tuple[int, ...]]]:
        """What the driver writes now for this limit; the box obeys unless it is deaf or its line fails."""
        told = []
        for ask in self.driver.say({"power_limit": power_limit}, self.now_ms):
            assert isinstance(ask, WriteRegisters)
            told.append((ask.address, ask.words))
            self.writes.append((self.now_ms, ask.address, ask.words))
            if not self.deaf and self.failure is None:
                self.registers |= {ask.address + place: word for place, word in enumerate(ask.words)}
            self.note(self.driver.on_registers(ask, self.failure or (), self.now_ms + 2))
        return told

    @property
    def asked(self) -> list[tuple[int, int]]:
        return [(address, count) for _, address, count in self.reads]


# 40002 common (65), 40069 inverter (50), 40121 unknown (8), 40131 controls (24)
CONTROLS, LIMIT = 40131, 40136


def heard_from(inverter_words: dict[int, int], controls: dict[int, int] | None = None) -> Box:
    models = with_words(SUNSPEC_INVERTER, inverter_words), with_words(SUNSPEC_CONTROLS, controls or {})
    return Box(registers=memory(40000, COMMON, *models)).run(1_500)
