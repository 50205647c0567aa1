"""What each family supplies to the contract suite: its options, one healthy round of talk, and its numbers.

The questions are in test_driver_contract.py and the same for everybody. The numbers come from the sheets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import toy_handshake
from driver_wires import block, float_words, frame, relay_status, sealed, u32_words

from drivers import blueprint
from drivers.contract import (
    Ask,
    Driver,
    Failure,
    Family,
    Frame,
    Heard,
    Options,
    ReadRegisters,
    SendBytes,
    WriteLines,
    WriteRegisters,
)
from drivers.registry import FAMILIES

ENTROPY = bytes(range(32))


def is_order(ask: Ask) -> bool:
    """Does this tell the device to do something, or keep a dead-man of its alive?"""
    return isinstance(ask, WriteRegisters | Frame | WriteLines)


@dataclass(frozen=True)
class Case:
    """One family under test. ``healthy(driver, now_ms)``: a whole round of good answers, and what was heard.

    ``expect``: the values that round must give. ``bold``/``safe``: an image at the bold end, and the safe one.
    ``dress``: makes an arbitrary frame pass the checks that come before its fields, so that fuzzing reaches those.
    """

    family: Family
    healthy: Callable[[Driver, int], list[Heard]]
    expect: Mapping[str, int]
    options: Options = field(default_factory=dict)
    bold: Mapping[str, int] = field(default_factory=dict)
    safe: Mapping[str, int] = field(default_factory=dict)
    order: Callable[[Ask], bool] = is_order
    dress: Callable[[Frame], Frame] = lambda raw: raw

    def build(self) -> Driver:
        return self.family.build(self.complete(), ENTROPY)

    def complete(self) -> Options:
        """The options with their defaults, as the loader hands them over."""
        defaults = {option.name: option.default for option in self.family.options if option.default is not None}
        return {**defaults, **self.options}


# ---- Modbus: answer what is asked, for as long as something is asked -----------------------------------------------
Registers = Mapping[int, tuple[int, ...]]


def answer_all(driver: Driver, now_ms: int, registers: Registers | Failure, span_ms: int = 400) -> list[Heard]:
    """Answers every read that comes within ``span_ms`` from ``registers`` (address -> words) or with a failure."""
    heard: list[Heard] = []
    for at_ms in range(now_ms, now_ms + span_ms, 20):
        for ask in driver.poll(at_ms):
            assert isinstance(ask, ReadRegisters)
            heard += driver.on_registers(ask, reply_to(ask, registers), at_ms + 5)
    return heard


def reply_to(ask: ReadRegisters, registers: Registers | Failure) -> Sequence[int] | Failure:
    if isinstance(registers, Failure):
        return registers
    inside = {at: words for at, words in registers.items() if ask.address <= at < ask.address + ask.count}
    return block(ask.address, ask.count, inside)


SDM: Registers = {
    0x00: float_words(230.5), 0x02: float_words(231.25), 0x04: float_words(229.75),
    0x06: float_words(3.5), 0x08: float_words(0.25), 0x0A: float_words(16.0),
    0x0C: float_words(-806.75), 0x0E: float_words(57.5), 0x10: float_words(3676.0),
    0x34: float_words(2926.75), 0x46: float_words(50.0), 0x48: float_words(1234.5), 0x4A: float_words(0.5),
}  # fmt: skip
SDM_MEANS = {
    "voltage_l1": 230_500, "voltage_l2": 231_250, "voltage_l3": 229_750,
    "current_l1": 3_500, "current_l2": 250, "current_l3": 16_000,
    "power_l1": -806_750, "power_l2": 57_500, "power_l3": 3_676_000, "power": 2_926_750,
    "frequency": 50_000, "energy_import": 1_234_500, "energy_export": 500,
}  # fmt: skip
GOE: Registers = {
    100: (2,), 101: (32,), 107: (0,), 108: u32_words(230), 110: u32_words(231), 112: u32_words(229),
    114: u32_words(159), 116: u32_words(160), 118: u32_words(158), 120: u32_words(1_098_765), 128: u32_words(36_012),
    200: (1,), 205: (0b111111,), 299: (16,), 332: (2,), 337: (2,),
}  # fmt: skip
GOE_MEANS = {
    "car_state": 2, "cable_ampere": 32_000, "error": 0, "voltage_l1": 230_000, "current_l1": 15_900,
    "power": 10_987_650, "energy_total": 3_601_200, "allow": 1, "phases": 63, "ampere": 16_000, "phase_mode": 2,
    "force_state": 2, "current_limit": 16_000,
}  # fmt: skip
SUNSPEC_INVERTER = block(0, 52, {
    0: (103, 50), 2: (1500, 510, 495, 500), 6: (0xFFFE,), 10: (2301, 2312, 2298), 13: (0xFFFF,), 14: (5123,),
    15: (0,), 16: (5001,), 17: (0xFFFE,), 24: u32_words(1_234_567), 26: (0,), 33: (415,), 37: (0xFFFF,), 38: (4,),
})  # fmt: skip
"""Model 103 by offset: 5.1, 4.95 and 5 A in hundredths, 5123 W, 41.5 degC, mppt."""
SUNSPEC_CONTROLS = block(0, 26, {0: (123, 24), 4: (1, 10_000), 7: (0,), 9: (0,), 23: (0xFFFE,)})
"""Model 123 by offset: connected, 100 % in hundredths, not enabled."""
_CHAIN = (0x5375, 0x6E53, 1, 65, *[0] * 65, *SUNSPEC_INVERTER, *SUNSPEC_CONTROLS, 0xFFFF, 0)
SUNSPEC: Registers = {40_000 + place: (word,) for place, word in enumerate(_CHAIN)}
SUNSPEC_MEANS = {
    "current_l1": 5_100, "current_l2": 4_950, "current_l3": 5_000, "voltage_l1": 230_100, "voltage_l2": 231_200,
    "voltage_l3": 229_800, "power": 5_123_000, "frequency": 50_010, "energy": 1_234_567, "temperature": 41_500,
    "state": 4, "connected": 1, "limit_percent": 1_000, "revert_time": 0, "limit_enabled": 0, "power_limit": 10_000_000,
}  # fmt: skip
ROD: Registers = {0: u32_words(12_345), 2: (0xFFF6,), 3: (0,), 10: (1500,)}
ROD_MEANS = {"power": 1_234_500, "temperature": -1_000, "fault": 0, "limit": 1_500_000}

# ---- CAN ------------------------------------------------------------------------------------------------------------
PYLONTECH = (
    "351 14 02 C0 12 C0 12 C2 01",
    "355 58 00 5E 00",
    "356 7A 13 F2 FE 6B 01",
    "359 00 00 00 00 06 50 4E",
    "35C C0 00",
)
PYLONTECH_MEANS = {
    "cvl": 53_200, "ccl": 480_000, "dcl": 480_000, "dvl": 45_000, "soc": 880, "soh": 940, "voltage": 49_860,
    "current": 27_000, "temperature": 36_300, "protection": 0, "warning": 0, "modules": 6, "charge_enable": 1,
    "discharge_enable": 1, "force_charge": 0, "request_full_charge": 0,
}  # fmt: skip
RELAY_MEANS = {
    "contact_1": 1, "contact_4": 0, "coil_1": 1, "coil_4": 0, "permit": 1, "drop_reason": 0, "coil_supply": 24_000,
    "rejected": 0, "drop_out": 1_000,
}  # fmt: skip


def pylontech_round(driver: Driver, now_ms: int) -> list[Heard]:
    return [item for line in PYLONTECH for item in driver.on_frame(frame(line), now_ms)]


def relay_round(driver: Driver, now_ms: int) -> list[Heard]:
    status = relay_status(now_ms // 100 % 15, Contact1=1, CoilEcho=1)
    return list(driver.on_frame(status, now_ms))


# ---- GPIO -----------------------------------------------------------------------------------------------------------
PANEL: Options = {
    "inputs": "estop=5 stop nc, key=6 key, bell=13 button active_high, aux_1=19 contact nc, door=26 contact",
    "outputs": "permit=17 pulse, lamp=22 lamp active_low, k1=23 coil active_low proof=aux_1, horn=24 lamp",
    "permit_ms": 400,
}
PANEL_LEVELS = {5: 0, 6: 0, 13: 1, 19: 0, 26: 0, 17: 0, 22: 1, 23: 1, 24: 0}
"""Stop not pressed, key on, bell pressed, main contact of k1 open, door closed; nothing energised."""
PANEL_MEANS = {"estop": 0, "key": 1, "bell": 1, "aux_1": 0, "door": 1}


def panel_round(driver: Driver, now_ms: int) -> list[Heard]:
    """As long as it takes a level to count, and one sample more."""
    return [item for at_ms in range(now_ms, now_ms + 50, 10) for item in driver.on_lines(PANEL_LEVELS, at_ms)]


# ---- serial ---------------------------------------------------------------------------------------------------------
def toy_round(driver: Driver, now_ms: int) -> list[Heard]:
    """The device's side: it computes the digest on its own words and welcomes only the right one, in small pieces."""
    heard: list[Heard] = []
    nonce = b""
    for at_ms in range(now_ms, now_ms + 100, 20):
        for ask in driver.poll(at_ms):
            assert isinstance(ask, SendBytes)
            if match := re.fullmatch(rb"HELLO (\w+)\n", ask.data):
                nonce, reply = match[1], b"CHALLENGE 00c0ffee\n"
            else:
                right = b"ANSWER " + toy_handshake.answer_to(b"00c0ffee", nonce) + b"\n"
                reply = b"WELCOME\n" if ask.data == right else b"DENIED\n"
            for byte in reply:
                heard += driver.on_bytes(bytes((byte,)), at_ms)
    return [*heard, *driver.on_bytes(b"P 12", now_ms + 100), *driver.on_bytes(b"34\n", now_ms + 100)]


COILS = ("coil_1", "coil_2", "coil_3", "coil_4")
CASES: Mapping[str, Case] = {
    "sdm630_modbus": Case(FAMILIES["sdm630_modbus"], lambda d, t: answer_all(d, t, SDM), SDM_MEANS),
    "goe_modbus": Case(
        FAMILIES["goe_modbus"],
        lambda d, t: answer_all(d, t, GOE),
        GOE_MEANS,
        bold={"current": 10_000},
        safe={"current": 0},
    ),
    "sunspec_modbus": Case(
        FAMILIES["sunspec_modbus"],
        lambda d, t: answer_all(d, t, SUNSPEC),
        SUNSPEC_MEANS,
        options={"rating_w": 10_000},
        bold={"power_limit": 5_000_000},
        safe={"power_limit": 0},
    ),
    "panel_gpio": Case(
        FAMILIES["panel_gpio"],
        panel_round,
        PANEL_MEANS,
        options=PANEL,
        bold={"lamp": 1, "k1": 1, "horn": 1},
        safe={"lamp": 0, "k1": 0, "horn": 0},
    ),
    "pylontech_can": Case(FAMILIES["pylontech_can"], pylontech_round, PYLONTECH_MEANS),
    "relaynode_can": Case(
        FAMILIES["relaynode_can"],
        relay_round,
        RELAY_MEANS,
        bold=dict.fromkeys(COILS, 1),
        safe=dict.fromkeys(COILS, 0),
        dress=lambda raw: sealed(raw.can_id, raw.data) if len(raw.data) == 8 else raw,
    ),
    "blueprint": Case(
        blueprint.FAMILY,
        lambda d, t: answer_all(d, t, ROD),
        ROD_MEANS,
        bold={"power_limit": 3_000_000},
        safe={"power_limit": 0},
    ),
    "toy_handshake": Case(
        toy_handshake.FAMILY,
        toy_round,
        {"power": 1_234_000},
        bold={"limit": 5_000_000},
        safe={"limit": 0},
        order=lambda ask: isinstance(ask, SendBytes) and ask.data.startswith(b"SET"),
    ),
}
