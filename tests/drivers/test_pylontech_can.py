"""Pylontech low-voltage CAN V1.2 and the SMA/Victron dialect, frame by frame. Numbers are the sheet's."""

from __future__ import annotations

import struct

import pytest
from driver_wires import frame

from drivers.contract import Defect, DefectKind, Driver, Frame, Heard, Sample
from drivers.pylontech_can import FAMILY, Alarm
from supervisor.kernel.signal import Quality

LEGAL = {0x351: {6, 8}, 0x355: {4, 6, 8}, 0x356: {6, 8}, 0x359: {7, 8}, 0x35A: {8}, 0x35C: {1, 2, 8}}
NOTHING = Quality.INVALID


def listener() -> Driver:
    return FAMILY.build({"role": "listener"}, bytes(32))


def hear(driver: Driver, *lines: str) -> list[Heard]:
    return [item for line in lines for item in driver.on_frame(frame(line), 0)]


def samples(heard: list[Heard]) -> dict[str, Sample]:
    return {item.name: item for item in heard if isinstance(item, Sample)}


def kinds(heard: list[Heard]) -> list[DefectKind]:
    return [item.kind for item in heard if isinstance(item, Defect)]


def test_it_listens_to_the_battery_and_never_to_the_inverter_and_has_no_output() -> None:
    assert FAMILY.listens({}) == set(LEGAL)
    assert FAMILY.shape({}).outputs == ()
    driver = listener()
    hear(driver, "35C 20 00", "35A 55 55 55 55 55 55 55 55")
    assert [*driver.poll(5_000), *driver.say({}, 5_000)] == []


@pytest.mark.parametrize("can_id", LEGAL)
@pytest.mark.parametrize("length", range(13))
def test_only_legal_lengths_are_believed(can_id: int, length: int) -> None:
    heard = list(listener().on_frame(Frame(can_id, bytes(length)), 0))
    if length in LEGAL[can_id]:
        assert DefectKind.LENGTH not in kinds(heard)
    else:
        assert kinds(heard) == [DefectKind.LENGTH]
        assert not samples(heard)


def test_a_29_bit_identifier_or_a_foreign_one_is_not_ours() -> None:
    driver = listener()
    for alien in (Frame(0x355, bytes(4), extended=True), Frame(0x305, bytes(8)), Frame(0x370, bytes(8))):
        heard = list(driver.on_frame(alien, 0))
        assert kinds(heard) == [DefectKind.UNKNOWN_ID]
        assert not samples(heard)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("351 FF FF C0 12 C0 12 C2 01", "cvl"),
        ("351 14 02 00 80 C0 12 C2 01", "ccl"),
        ("351 14 02 C0 12 00 80 C2 01", "dcl"),
        ("351 14 02 C0 12 C0 12 FF FF", "dvl"),
        ("355 FF FF 5E 00", "soc"),
        ("355 58 00 FF FF", "soh"),
        ("356 00 80 F2 FE 6B 01", "voltage"),
        ("356 7A 13 00 80 6B 01", "current"),
        ("356 7A 13 F2 FE 00 80", "temperature"),
    ],
)
def test_not_available_is_no_value(line: str, name: str) -> None:
    heard = hear(listener(), line)
    assert kinds(heard) == [DefectKind.NOT_AVAILABLE]
    assert samples(heard)[name] == Sample(name, None, NOTHING)
    assert all(item.quality is Quality.GOOD for item in samples(heard).values() if item.name != name)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("351 E9 03 C0 12 C0 12", "cvl"),  # 100.1 V
        ("351 14 02 FF FF C0 12", "ccl"),  # -0.1 A: a limit is a magnitude
        ("351 14 02 C0 12 E1 2E", "dcl"),  # 1200.1 A
        ("355 65 00 5E 00", "soc"),  # 101 %
        ("356 FF FF F2 FE 6B 01", "voltage"),  # -0.01 V
        ("356 7A 13 E1 2E 6B 01", "current"),  # 1200.1 A
        ("356 7A 13 F2 FE E9 03", "temperature"),  # 100.1 degC
    ],
)
def test_beyond_the_range_of_the_table_is_no_value(line: str, name: str) -> None:
    heard = hear(listener(), line)
    assert kinds(heard) == [DefectKind.RANGE]
    assert samples(heard)[name] == Sample(name, None, NOTHING)


def test_charging_is_negative_in_the_house() -> None:
    assert samples(hear(listener(), "356 7A 13 0E 01 6B 01"))["current"].value == -27_000
    assert samples(hear(listener(), "356 7A 13 20 D1 6B 01"))["current"].value == 1_200_000


@pytest.mark.parametrize(
    ("percent", "fine", "permille"),
    [
        (84, 0, 840),  # not filled in
        (84, 8437, 844),
        (84, 8500, 850),  # 1 % apart still agrees
        (84, 8501, 840),
        (84, 8299, 840),
        (84, 3312, 840),  # a cell's millivolts
        (84, 0xFFFF, 840),
        (100, 10_000, 1000),
        (100, 10_050, 1000),  # 100.5 % is nothing
        (0, 40, 4),
    ],
)
def test_the_fine_state_of_charge_is_believed_only_where_it_agrees(percent: int, fine: int, permille: int) -> None:
    heard = list(listener().on_frame(Frame(0x355, struct.pack("<HHH", percent, 96, fine)), 0))
    assert samples(heard)["soc"] == Sample("soc", permille)
    assert kinds(heard) == []


def test_a_voltage_in_the_dialect_of_tenths_is_doubted() -> None:
    driver = listener()
    assert samples(hear(driver, "356 F2 01 F2 FE 6B 01"))["voltage"].quality is Quality.GOOD  # nothing to compare with
    heard = hear(driver, "351 14 02 C0 12 C0 12", "356 F2 01 F2 FE 6B 01")  # 4.98 V below a limit of 53.2 V
    assert samples(heard)["voltage"] == Sample("voltage", 4_980, Quality.SUSPECT)
    assert samples(heard)["current"].quality is Quality.GOOD
    assert kinds(heard) == [DefectKind.RANGE]
    assert samples(hear(driver, "356 7A 13 F2 FE 6B 01"))["voltage"].quality is Quality.GOOD


# ---- alarms -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("byte", "bit", "alarm"),
    [
        (0, 1, Alarm.HIGH_VOLTAGE),
        (0, 2, Alarm.LOW_VOLTAGE),
        (0, 3, Alarm.HIGH_TEMPERATURE),
        (0, 4, Alarm.LOW_TEMPERATURE),
        (0, 7, Alarm.DISCHARGE_OVER_CURRENT),
        (1, 0, Alarm.CHARGE_OVER_CURRENT),
        (1, 3, Alarm.BMS_INTERNAL),
        (1, 4, Alarm.CELL_IMBALANCE),
    ],
)
@pytest.mark.parametrize(("name", "offset"), [("protection", 0), ("warning", 2)])
def test_the_older_alarms(byte: int, bit: int, alarm: Alarm, name: str, offset: int) -> None:
    data = bytearray(7)
    data[byte + offset] = 1 << bit
    heard = samples(list(listener().on_frame(Frame(0x359, bytes(data)), 0)))
    assert heard[name].value == alarm
    assert heard["warning" if name == "protection" else "protection"].value == 0


PAIRS = {
    (0, 0): Alarm.GENERAL, (0, 2): Alarm.HIGH_VOLTAGE, (0, 4): Alarm.LOW_VOLTAGE, (0, 6): Alarm.HIGH_TEMPERATURE,
    (1, 0): Alarm.LOW_TEMPERATURE, (1, 2): Alarm.HIGH_TEMPERATURE_CHARGE, (1, 4): Alarm.LOW_TEMPERATURE_CHARGE,
    (1, 6): Alarm.DISCHARGE_OVER_CURRENT, (2, 0): Alarm.CHARGE_OVER_CURRENT, (2, 2): Alarm.CONTACTOR,
    (2, 4): Alarm.SHORT_CIRCUIT, (2, 6): Alarm.BMS_INTERNAL, (3, 0): Alarm.CELL_IMBALANCE,
}  # fmt: skip


@pytest.mark.parametrize("place", PAIRS)
@pytest.mark.parametrize(("name", "offset"), [("protection", 0), ("warning", 4)])
def test_a_pair_is_raised_kept_and_cleared(place: tuple[int, int], name: str, offset: int) -> None:
    def pair(value: int) -> list[Heard]:
        data = bytearray(8)
        data[place[0] + offset] = value << place[1]
        return list(driver.on_frame(Frame(0x35A, bytes(data)), 0))

    driver = listener()
    assert pair(0) == []
    assert pair(1) == [Sample(name, PAIRS[place])]
    assert pair(0) == [Sample(name, PAIRS[place])]
    assert pair(3) == [Sample(name, PAIRS[place])]
    assert pair(2) == [Sample(name, 0)]
    assert pair(3) == []


def test_pairs_that_are_no_alarms_of_the_battery_raise_nothing() -> None:
    assert hear(listener(), "35A 00 00 00 54 00 00 00 54") == []  # reserved, system online, generator


def test_either_generation_is_enough_and_neither_clears_the_other() -> None:
    driver = listener()
    hear(driver, "359 02 00 00 00 06 50 4E")
    assert samples(hear(driver, "35A 00 00 00 01 00 00 00 00"))["protection"].value == (1 << 1) | (1 << 12)
    assert samples(hear(driver, "359 00 00 00 00 06 50 4E"))["protection"].value == 1 << 12
    assert samples(hear(driver, "35A 00 00 00 02 00 00 00 00"))["protection"].value == 0


def test_a_raised_bit_without_a_name_is_still_raised() -> None:
    assert samples(hear(listener(), "359 00 80 00 00 06 50 4E"))["protection"].value == 0x8000


# ---- requests -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("byte", "flags"),
    [(0xC0, "1100"), (0x40, "0100"), (0x80, "1000"), (0xE0, "1110"), (0xD0, "1110"), (0xC8, "1101"), (0xC7, "1100")],
)
def test_request_flags(byte: int, flags: str) -> None:
    heard = samples(hear(listener(), f"35C {byte:02X}"))
    names = ("charge_enable", "discharge_enable", "force_charge", "request_full_charge")
    assert "".join(str(heard[name].value) for name in names) == flags


def test_a_direction_that_is_not_enabled_has_the_limit_zero_at_once_and_until_it_is_enabled() -> None:
    driver = listener()
    limits = "351 14 02 C0 12 C0 12"
    assert samples(hear(driver, "35C 40"))["ccl"] == Sample("ccl", 0)
    assert [samples(hear(driver, limits))[name].value for name in ("ccl", "dcl")] == [0, 480_000]
    assert samples(hear(driver, "35C 80"))["dcl"] == Sample("dcl", 0)
    assert [samples(hear(driver, limits))[name].value for name in ("ccl", "dcl")] == [480_000, 0]
    assert "ccl" not in samples(hear(driver, "35C C0"))
    assert [samples(hear(driver, limits))[name].value for name in ("ccl", "dcl")] == [480_000, 480_000]


def test_the_newer_firmware_without_0x35c_has_its_limits() -> None:
    heard = samples(hear(listener(), "351 10 02 C0 12 C0 12 C2 01", "35A 00 00 00 00 00 00 00 00"))
    assert heard["ccl"] == Sample("ccl", 480_000)
    assert not {"charge_enable", "protection"} & set(heard)
    optional = {spec.name for spec in FAMILY.shape({}).signals if spec.optional}
    assert {"charge_enable", "discharge_enable", "protection", "dvl", "modules"} <= optional


def test_limits_and_measurements_are_too_old_after_five_seconds() -> None:
    ages = {spec.name: spec.max_age_ms for spec in FAMILY.shape({}).signals}
    assert {ages[name] for name in ("cvl", "ccl", "dcl", "soc", "voltage", "current", "temperature")} == {5_000}
