"""Low-voltage CAN batteries: Pylontech V1.2, and its kin in the SMA and Victron dialects. A listener.

The battery speaks to its inverter; we listen on the same wire and limit through the inverter. Nothing here ever sends:
no 0x305 (the inverter's alive frame) and no 0x351 (the battery's limits), because somebody else does.

Rules
* The wire's positive current charges the pack; in the house discharge is positive, so the sign turns here.
* Two generations of alarms become one set of bits (:class:`Alarm`). 0x359 tells every bit each time. 0x35A has two bits
  a message, and only "raised" and "cleared" say anything: an 0x35A full of zeros is no news, and no news is not "well".
* Newer firmware has no 0x35C: it is never waited for. While it says that charging (discharging) is not enabled, the
  limit is 0 in effect, and that is what ``ccl`` (``dcl``) tells.
* State of charge comes from the whole-percent field. The fine field is believed only where it agrees within 1 %:
  packs leave it at zero, or put cell voltages there.

This driver must never send a frame, and never take a limit, a flag or an alarm for absent because it was not told.

Source: Pylontech low-voltage CAN V1.2 (2018-04-08); SMA FSS-ConnectingBat-TI-en-10 for 0x35A and "not available".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntFlag

from drivers.base import Quiet
from drivers.can_table import Field, load, wrong_length
from drivers.contract import BusKind, Defect, DefectKind, Family, Frame, Heard, OptionSpec, Sample, Shape, SignalSpec
from supervisor.kernel.signal import Quality, Unit

STEM = "pylontech_can"
LIMITS, STATE, MEASUREMENT, FLAGS, PAIRS, REQUEST = 0x351, 0x355, 0x356, 0x359, 0x35A, 0x35C

LENGTHS: Mapping[int, frozenset[int]] = {
    LIMITS: frozenset({6, 8}),
    STATE: frozenset({4, 6, 8}),
    MEASUREMENT: frozenset({6, 8}),
    FLAGS: frozenset({7, 8}),
    PAIRS: frozenset({8}),
    REQUEST: frozenset({1, 2, 8}),
}
"""Frames that are listened to, and how long each may be: Pylontech's own lengths and those of its kin."""

MAX_AGE_MS = 5_000
"""The BMS speaks once a second and may drop a cycle; older than 5 s is stale."""
SLOW_AGE_MS = 30_000
"""For what does not move: packs of other makers repeat it every 10 s."""


class Alarm(IntFlag):
    """The bits of ``protection`` and ``warning``: the order of the pairs in 0x35A, where 0x359 agrees bit for bit."""

    GENERAL = 1 << 0
    HIGH_VOLTAGE = 1 << 1
    LOW_VOLTAGE = 1 << 2
    HIGH_TEMPERATURE = 1 << 3
    LOW_TEMPERATURE = 1 << 4
    HIGH_TEMPERATURE_CHARGE = 1 << 5
    LOW_TEMPERATURE_CHARGE = 1 << 6
    DISCHARGE_OVER_CURRENT = 1 << 7
    CHARGE_OVER_CURRENT = 1 << 8
    CONTACTOR = 1 << 9
    SHORT_CIRCUIT = 1 << 10
    BMS_INTERNAL = 1 << 11  # 0x359: system error (protection), internal communication (warning)
    CELL_IMBALANCE = 1 << 12


PAIR_COUNT = 13
"""Later pairs are no alarms of the battery: reserved, Victron's system status, SMA's generator."""

_CAN = load(STEM)
_MEASURED = (
    _CAN.field("BMS_LIMITS", "ChargeVoltageLimit", "cvl", MAX_AGE_MS, has_absent=True, core=True),
    _CAN.field("BMS_LIMITS", "ChargeCurrentLimit", "ccl", MAX_AGE_MS, has_absent=True, core=True),
    _CAN.field("BMS_LIMITS", "DischargeCurrentLimit", "dcl", MAX_AGE_MS, has_absent=True, core=True),
    _CAN.field("BMS_LIMITS", "DischargeVoltageLimit", "dvl", MAX_AGE_MS, has_absent=True, optional=True),
    _CAN.field("BMS_STATE", "StateOfCharge", "soc", MAX_AGE_MS, has_absent=True, core=True),
    _CAN.field("BMS_STATE", "StateOfHealth", "soh", SLOW_AGE_MS, has_absent=True, optional=True),
    _CAN.field("BMS_MEASUREMENT", "PackVoltage", "voltage", MAX_AGE_MS, has_absent=True, core=True),
    _CAN.field("BMS_MEASUREMENT", "PackCurrent", "current", MAX_AGE_MS, has_absent=True, core=True, turned=True),
    _CAN.field("BMS_MEASUREMENT", "Temperature", "temperature", MAX_AGE_MS, has_absent=True),
    _CAN.field("BMS_PROTECTION", "ModuleCount", "modules", SLOW_AGE_MS, unit="count", optional=True),
)


_FIELDS: Mapping[str, list[Field]] = {
    message: [field for field in _MEASURED if field.message == message]
    for message in dict.fromkeys(field.message for field in _MEASURED)
}


def _spec(name: str, unit: Unit, hi: int, max_age_ms: int) -> SignalSpec:
    return SignalSpec(name, unit, 0, hi, max_age_ms, optional=True)


_DERIVED = (
    _spec("protection", Unit.CODE, 0xFFFF, MAX_AGE_MS),
    _spec("warning", Unit.CODE, 0xFFFF, MAX_AGE_MS),
    _spec("charge_enable", Unit.FLAG, 1, MAX_AGE_MS),
    _spec("discharge_enable", Unit.FLAG, 1, MAX_AGE_MS),
    _spec("force_charge", Unit.FLAG, 1, MAX_AGE_MS),
    _spec("request_full_charge", Unit.FLAG, 1, MAX_AGE_MS),
)
"""All optional: each exists in one generation only, or says nothing for as long as all is well."""


class _Alarms:
    """One severity of alarms, from both generations. A bit of either generation is enough.

    0x359 replaces what 0x359 said before, unnamed bits included: a raised bit without a name is still raised.
    A pair of 0x35A is kept until its opposite comes. A sender that never says "cleared" keeps its alarm here until
    this driver is built anew: the strict side.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._flags = 0
        self._pairs = 0

    def on_flags(self, flags: int) -> tuple[Heard, ...]:
        self._flags = flags
        return (self._sample(),)

    def on_pairs(self, pairs: int) -> tuple[Heard, ...]:
        """Nothing at all where the frame brings no news and nothing is raised."""
        news = False
        for position in range(PAIR_COUNT):
            pair = pairs >> (2 * position) & 3
            if pair == 1:
                self._pairs |= 1 << position
            elif pair == 2:
                self._pairs &= ~(1 << position)
            news = news or pair in (1, 2)
        return (self._sample(),) if news or self._flags | self._pairs else ()

    def _sample(self) -> Sample:
        return Sample(self._name, self._flags | self._pairs)


class PylontechListener(Quiet):
    """One battery, heard only."""

    def __init__(self) -> None:
        self._protection = _Alarms("protection")
        self._warning = _Alarms("warning")
        self._withheld: frozenset[str] = frozenset()
        self._cvl_mv: int | None = None
        self._readers: Mapping[int, tuple[str, Callable[[Mapping[str, int]], Iterable[Heard]]]] = {
            LIMITS: ("BMS_LIMITS", self._limits),
            STATE: ("BMS_STATE", self._state),
            MEASUREMENT: ("BMS_MEASUREMENT", self._measurement),
            FLAGS: ("BMS_PROTECTION", self._flags),
            PAIRS: ("BMS_ALARMS", self._pairs),
            REQUEST: ("BMS_REQUEST", self._request),
        }

    def on_frame(self, frame: Frame, now_ms: int) -> Iterable[Heard]:
        del now_ms
        if frame.extended or frame.can_id not in self._readers:
            return (Defect(DefectKind.UNKNOWN_ID, f"0x{frame.can_id:X}"),)
        if defect := wrong_length(frame, LENGTHS[frame.can_id]):
            return (defect,)
        message, read = self._readers[frame.can_id]
        return tuple(read(_CAN.raw(message, frame.data)))

    def _limits(self, raw: Mapping[str, int]) -> Iterable[Heard]:
        heard = _plain("BMS_LIMITS", raw)
        self._cvl_mv = _value(heard, "cvl")
        return [item for item in heard if getattr(item, "name", None) not in self._withheld] + self._zeros()

    def _zeros(self) -> list[Heard]:
        """The limits that are 0 in effect, because the battery has not enabled that direction."""
        return [Sample(name, 0) for name in sorted(self._withheld)]

    def _state(self, raw: Mapping[str, int]) -> Iterable[Heard]:
        heard = _plain("BMS_STATE", raw)
        fine, soc = raw.get("StateOfChargeFine"), _value(heard, "soc")
        if fine is None or soc is None or fine > 10_000 or abs(fine - 10 * soc) > 100:
            return heard
        return [Sample("soc", round(fine / 10)) if item == Sample("soc", soc) else item for item in heard]

    def _measurement(self, raw: Mapping[str, int]) -> Iterable[Heard]:
        """A pack far below its own charge voltage is either dead or speaks the dialect that counts 0.1 V here."""
        heard = _plain("BMS_MEASUREMENT", raw)
        voltage_mv = _value(heard, "voltage")
        if voltage_mv is None or self._cvl_mv is None or voltage_mv * 5 >= self._cvl_mv:
            return heard
        doubt = Sample("voltage", voltage_mv, Quality.SUSPECT)
        defect = Defect(DefectKind.RANGE, f"voltage: {voltage_mv} mV is below a fifth of the charge voltage limit")
        return [defect, *(doubt if item == Sample("voltage", voltage_mv) else item for item in heard)]

    def _flags(self, raw: Mapping[str, int]) -> Iterable[Heard]:
        yield from self._protection.on_flags(raw["ProtectionDischarge"] | raw["ProtectionCharge"] << 8)
        yield from self._warning.on_flags(raw["WarningDischarge"] | raw["WarningCharge"] << 8)
        yield from _plain("BMS_PROTECTION", raw)

    def _pairs(self, raw: Mapping[str, int]) -> Iterable[Heard]:
        yield from self._protection.on_pairs(raw["Alarms"])
        yield from self._warning.on_pairs(raw["Warnings"])

    def _request(self, raw: Mapping[str, int]) -> Iterable[Heard]:
        """Force charge I and II are one flag: makers disagree which of the two is the urgent one."""
        enables = {"ccl": raw["ChargeEnable"], "dcl": raw["DischargeEnable"]}
        self._withheld = frozenset(name for name, enabled in enables.items() if not enabled)
        yield Sample("charge_enable", raw["ChargeEnable"])
        yield Sample("discharge_enable", raw["DischargeEnable"])
        yield Sample("force_charge", raw["ForceChargeOne"] | raw["ForceChargeTwo"])
        yield Sample("request_full_charge", raw["RequestFullCharge"])
        yield from self._zeros()


def _plain(message: str, raw: Mapping[str, int]) -> list[Heard]:
    """The fields of a message that need no second thought, as far as the frame is long enough to hold them."""
    fields = [field for field in _FIELDS.get(message, []) if field.source in raw]
    return [item for field in fields for item in field.heard(raw[field.source])]


def _value(heard: Iterable[Heard], name: str) -> int | None:
    """The value of signal ``name`` among these, None where it is not there or is no measurement."""
    return next((item.value for item in heard if isinstance(item, Sample) and item.name == name), None)


FAMILY = Family(
    stem=STEM,
    title="Pylontech low-voltage CAN battery (and its kin), listened to",
    bus=BusKind.CAN,
    machine="battery",
    shape=lambda _options: Shape((*(field.spec for field in _MEASURED), *_DERIVED)),
    build=lambda _options, _entropy: PylontechListener(),
    options=(OptionSpec("role", str, "listener", "what we are on this wire", choices=("listener",)),),
    facts={
        "protecting": "protection above 0",
        # 0.1 A is the smallest step, and what a BMS says that means 0 to an inverter which ignores a 0.
        "charge_blocked": "ccl below 0.2 A",
        "discharge_blocked": "dcl below 0.2 A",
    },
    listens=lambda _options: frozenset(LENGTHS),
    source="Pylontech low-voltage CAN V1.2; SMA FSS-ConnectingBat-TI-en-10",
)
