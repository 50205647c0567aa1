"""The simulated battery, byte by byte. The captured frames are those that setfirelabs.com published of two packs."""

from __future__ import annotations

from importlib.resources import files

import cantools
import pytest

from hil.can_frame import Frame
from hil.sim.can_table import load
from hil.sim.pylontech_can import TABLE, Options, PylontechBattery

OLD = Options(
    generation="old",
    soc=88,
    soh=94,
    temperature=36.3,
    charge_limit=480,
    discharge_limit=480,
    charge_voltage=53.2,
    discharge_voltage=45.0,
    current=-27.0,
    voltage=49.86,
    modules=6,
)
NEW = Options(
    generation="new",
    soc=84,
    soh=96,
    temperature=36.3,
    charge_limit=480,
    discharge_limit=480,
    charge_voltage=52.8,
    discharge_voltage=45.0,
    current=-27.9,
    voltage=49.87,
    capacity_ah=572,
)


def battery(options: Options = OLD) -> PylontechBattery:
    return PylontechBattery("battery", options, 0)


def sent(device: PylontechBattery, now_ms: int) -> dict[int, str]:
    return {frame.can_id: frame.data.hex(" ") for frame in device.poll(now_ms)}


def test_the_captured_old_generation_is_reproduced() -> None:
    assert sent(battery(OLD), 0) == {
        0x351: "14 02 c0 12 c0 12 c2 01",
        0x355: "58 00 5e 00",
        0x356: "7a 13 f2 fe 6b 01",
        0x359: "00 00 00 00 06 50 4e",
        0x35C: "c0 00",
        0x35E: b"PYLON   ".hex(" "),
    }


def test_the_captured_new_generation_is_reproduced() -> None:
    assert sent(battery(NEW), 0) == {
        0x351: "10 02 c0 12 c0 12 c2 01",
        0x355: "54 00 60 00 00 00",
        0x356: "7b 13 e9 fe 6b 01",
        0x35A: "00 00 00 00 00 00 00 00",
        0x35E: b"PYLON   ".hex(" "),
        0x35F: "4c 49 01 03 3c 02 aa 00",
    }


def test_the_limits_have_six_bytes_where_the_document_says_so() -> None:
    assert sent(battery(Options(limits_bytes=6)), 0)[0x351] == "14 02 dc 05 dc 05"


def test_the_rig_s_reading_of_the_table_agrees_with_cantools() -> None:
    database = cantools.database.load_file(str(files("dbc") / "pylontech_can.dbc"))
    values = {"PackVoltage": 49.86, "PackCurrent": -27.0, "Temperature": 36.3}
    message = TABLE["BMS_MEASUREMENT"]
    assert database.decode_message("BMS_MEASUREMENT", message.pack(message.raw(**values))) == pytest.approx(values)


@pytest.mark.parametrize("file_name", ["pylontech_can.dbc", "relaynode_can.dbc"])
def test_every_signal_of_a_table_is_read_as_cantools_reads_it(file_name: str) -> None:
    database = cantools.database.load_file(str(files("dbc") / file_name))
    theirs = {
        (message.name, signal.name): (
            message.frame_id,
            message.length,
            signal.start,
            signal.length,
            signal.is_signed,
            float(signal.scale),
        )
        for message in database.messages
        for signal in message.signals
    }
    ours = {
        (message.name, signal.name): (
            message.can_id,
            message.length,
            signal.start,
            signal.width,
            signal.signed,
            signal.scale,
        )
        for message in load(file_name).values()
        for signal in message.signals.values()
    }
    assert ours == theirs


def test_a_cycle_takes_a_second_and_a_pause_makes_no_burst() -> None:
    device = battery()
    assert len(device.poll(0)) == 6
    assert device.next_ms() == 1000
    assert device.poll(999) == []
    assert len(device.poll(1003)) == 6
    assert device.next_ms() == 2000, "on the grid, not 1 s after a late call"
    assert len(device.poll(60_000)) == 6
    assert device.next_ms() == 61_000


def test_the_state_of_charge_integrates_the_plant_s_current() -> None:
    device = battery(Options(soc=50, capacity_ah=100))
    device.from_plant({"current_a": 50.0}, 0)
    assert device.state(3_600_000)["soc"] == pytest.approx(100.0)
    device.from_plant({"current_a": -25.0}, 3_600_000)
    assert device.state(7_200_000)["soc"] == pytest.approx(75.0)


def test_nothing_is_charged_when_full_and_nothing_discharged_when_empty() -> None:
    device = battery(Options(charge_limit=100, discharge_limit=100))
    device.control({"set": "soc", "value": 100}, 0)
    frames = sent(device, 0)
    assert (frames[0x351][6:11], frames[0x351][12:17]) == ("00 00", "e8 03")
    assert frames[0x35C] == "40 00"
    device.control({"set": "soc", "value": 0}, 0)
    frames = sent(device, 1000)
    assert (frames[0x351][6:11], frames[0x351][12:17]) == ("e8 03", "00 00")
    assert frames[0x35C] == "b0 00", "charge enabled, both force-charge requests"


def test_an_alarm_of_the_old_generation_is_a_bit() -> None:
    device = battery(OLD)
    device.control({"set": "alarm", "value": "high_temperature"}, 0)
    device.control({"set": "warning", "value": "high_charge_current"}, 0)
    frames = sent(device, 0)
    assert frames[0x359] == "08 00 00 01 06 50 4e"
    assert frames[0x351] == "14 02 00 00 00 00 c2 01", "a pack that protects itself offers nothing"


def test_an_alarm_of_the_new_generation_is_raised_and_cleared_in_two_bits() -> None:
    device = battery(NEW)
    device.control({"set": "alarm", "value": "low_voltage"}, 0)
    assert sent(device, 0)[0x35A] == "10 00 00 00 00 00 00 00"
    device.control({"set": "clear_alarm", "value": "low_voltage"}, 0)
    assert sent(device, 1000)[0x35A] == "20 00 00 00 00 00 00 00"


def test_faults_on_the_wire() -> None:
    def broken(**fault: object) -> dict[int, str]:
        device = battery(OLD)
        assert device.control(fault, 0)["ok"]
        return sent(device, 0)

    assert broken(fault="silent") == {}
    assert set(broken(fault="drop", id=0x356)) == {0x351, 0x355, 0x359, 0x35C, 0x35E}
    assert broken(fault="length", bytes=3, id="0x351")[0x351] == "14 02 c0"
    assert broken(fault="length", bytes=3, id="0x351")[0x355] == "58 00 5e 00"
    assert broken(fault="enum", signal="StateOfCharge", value=255)[0x355] == "ff 00 5e 00"
    assert broken(fault="not_available", signal="PackCurrent")[0x356] == "7a 13 00 80 6b 01"
    assert broken(fault="not_available", signal="ChargeVoltageLimit")[0x351][:5] == "ff ff"
    assert broken(fault="decivolt")[0x356][:5] == "f3 01", "49.9 V as 499"
    assert 0x751 in broken(fault="unknown_id")
    device = battery(OLD)
    device.control({"fault": "extended_id"}, 0)
    assert all(frame.extended for frame in device.poll(0))


def test_a_frozen_battery_repeats_itself_until_it_is_repaired() -> None:
    device = battery(Options(soc=50))
    device.control({"fault": "frozen"}, 0)
    device.control({"set": "soc", "value": 20}, 0)
    assert sent(device, 0)[0x355][:2] == "32"
    device.control({"clear": "frozen"}, 0)
    assert sent(device, 1000)[0x355][:2] == "14"


def test_what_an_inverter_or_another_bms_sends_is_recorded() -> None:
    device = battery()
    for can_id in (0x305, 0x351, 0x211):
        device.on_frame(Frame(can_id, bytes(8)), 77)
    reply = device.control({"get": "writes"}, 80)
    assert reply["count"] == 2
    assert [(write["t"], write["id"]) for write in reply["writes"]] == [(77, 0x305), (77, 0x351)]  # type: ignore[attr-defined]
