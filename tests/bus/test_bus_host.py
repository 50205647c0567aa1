"""The driver host on a clock that the test holds in its hand."""

from __future__ import annotations

import pytest
from bus_toys import CanToy, ModbusToy, Rememberer, bus, count, device

from drivers.contract import BusKind, Failure, Frame, ReadRegisters, WriteRegisters
from supervisor.bus.host import SAMPLES_MAX, HostCore
from supervisor.kernel.signal import Quality, Sample
from supervisor.site import DeviceSite
from supervisor.wire import Image


def hosted(*devices: DeviceSite, observe: bool = False) -> tuple[HostCore, Rememberer]:
    core = HostCore(bus(devices[0].family.bus, *devices, observe=observe), bytes, lambda: None)
    port = Rememberer()
    core.attach(port, None if observe else port)
    return core, port


def image(cycle: int, limit: int, valid_until_ms: int) -> Image:
    return Image(cycle, valid_until_ms, ((0, limit),))


def frame(*data: int) -> Frame:
    return Frame(0x100, bytes(data))


# ---- what comes in ----
def test_a_sample_is_stamped_with_the_time_of_receipt_and_the_index_of_the_plan() -> None:
    core, _ = hosted(device(BusKind.CAN, number=3))
    core.on_frame(frame(7, 1), now_ms=1234)
    assert core.take(10) == (Sample(6, 70, 1234, Quality.GOOD), Sample(7, 1, 1234, Quality.GOOD))


def test_a_value_outside_its_bounds_is_invalid_and_counted() -> None:
    core, _ = hosted(device(BusKind.CAN))
    core.on_frame(frame(200, 1), 0)
    assert core.take(1) == (Sample(0, None, 0, Quality.INVALID),)
    assert core.tally.total("toy", "range") == 1


def test_a_code_without_a_name_is_never_good() -> None:
    core, _ = hosted(device(BusKind.CAN))
    core.on_frame(frame(0, 7), 0)
    assert core.take(2)[1].quality is Quality.INVALID
    assert core.tally.total("toy", "enum") == 1


def test_an_unknown_id_is_counted_on_the_bus_and_reaches_nobody() -> None:
    core, _ = hosted(device(BusKind.CAN))
    core.on_frame(Frame(0x555, b""), 0)
    core.on_frame(Frame(0x100, b"\x01\x01", extended=True), 0)
    assert core.tally.total("bus0", "unknown_id") == 2
    assert core.take(1) == ()


def test_an_exception_makes_the_signals_missing_once_is_counted_each_time_and_heals() -> None:
    core, _ = hosted(device(BusKind.CAN), device(BusKind.CAN, "other", 1))
    core.on_frame(frame(0xEE, 0), 5)
    core.on_frame(frame(0xEE, 0), 6)
    assert [(item.signal, item.quality) for item in core.take(99)] == [
        (signal, Quality.MISSING) for signal in (0, 1, 2, 3)
    ]
    assert core.tally.total("toy", "driver_error") == 2
    core.on_frame(frame(1, 1), 7)
    assert [item.quality for item in core.take(2)] == [Quality.GOOD, Quality.GOOD]


def test_a_defect_is_counted_by_device_and_kind() -> None:
    core, _ = hosted(device(BusKind.CAN))
    core.on_frame(frame(0xDD), 0)
    assert core.tally.total("toy", "crc") == 1


def test_the_oldest_samples_go_when_nobody_takes_them() -> None:
    core, _ = hosted(device(BusKind.CAN))
    for now_ms in range(SAMPLES_MAX):
        core.on_frame(frame(1, 1), now_ms)
    assert core.tally.total("bus0", "dropped") == SAMPLES_MAX
    assert core.take(1)[0].at_ms == SAMPLES_MAX // 2


# ---- what goes out ----
def test_a_new_image_is_said_once_and_its_orders_expire_with_it() -> None:
    core, port = hosted(device(BusKind.CAN))
    core.on_image(image(1, 8_000, 150), 100)
    core.on_image(image(1, 8_000, 150), 110)
    assert port.written == [(Frame(0x200, (8_000).to_bytes(2, "big")), 150)]
    assert core.tally.total("bus0", "repeated") == 1


def test_an_expired_image_is_dropped_and_counted() -> None:
    core, port = hosted(device(BusKind.CAN))
    core.on_image(image(1, 8_000, 150), 151)
    assert port.written == []
    assert core.tally.total("bus0", "expired") == 1


def test_what_waited_while_the_process_was_stopped_is_not_said() -> None:
    core, port = hosted(device(BusKind.CAN, silence=None))
    core.on_image(image(1, 8_000, 150), 100)
    port.written.clear()
    core.on_image(image(2, 16_000, 200), 60_000)
    core.poll(60_001)
    assert port.written == []


@pytest.mark.parametrize("values", [(), ((7, 8_000),), ((0, 3_000),), ((0, 40_000),), ((0, -1),)])
def test_an_image_that_is_not_whole_is_not_said_and_does_not_hold_off_silence(
    values: tuple[tuple[int, int], ...],
) -> None:
    core, port = hosted(device(BusKind.CAN))
    core.on_image(image(1, 8_000, 150), 100)
    core.on_image(Image(2, 5_000, values), 900)
    assert core.tally.total("toy", "partial") == 1
    core.poll(1_100)
    assert core.tally.total("toy", "silence") == 1
    assert len(port.written) == 2


def test_a_restarted_guardian_counts_its_cycles_anew() -> None:
    core, port = hosted(device(BusKind.CAN))
    core.on_image(image(500, 8_000, 150), 100)
    core.on_guardian(connected=False)
    core.on_image(image(1, 9_000, 150), 101)
    assert len(port.written) == 2


# ---- observe ----
@pytest.mark.parametrize("whole_bus", [True, False])
def test_what_observes_has_no_write_path_and_what_it_would_write_is_counted(whole_bus: bool) -> None:
    site = device(BusKind.MODBUS, observe=not whole_bus)
    core, port = hosted(site, observe=whole_bus)
    core.poll(0)
    core.on_image(image(1, 8_000, 150), 100)
    core.poll(5_000)
    core.farewell(6_000)
    assert port.written == []
    assert [type(ask) for ask in port.asked] == [ReadRegisters, ReadRegisters]
    assert core.tally.total("toy", "would_write") >= 1
    assert core.farewell_said
    assert not hasattr(core._seats[0].questions, "write")
    assert core._seats[0].control is None


def test_a_device_in_observe_beside_one_in_control_stays_mute() -> None:
    core, port = hosted(device(BusKind.CAN, "mute", 0, observe=True), device(BusKind.CAN, "loud", 1))
    core.on_image(Image(1, 150, ((0, 8_000), (1, 9_000))), 100)
    assert [order for order, _ in port.written] == [Frame(0x200, (9_000).to_bytes(2, "big"))]


def test_a_driver_hears_that_its_write_was_never_sent_but_is_not_believed() -> None:
    toy = ModbusToy()
    core, _ = hosted(device(BusKind.MODBUS, toy=toy))
    core.on_unsent(0, WriteRegisters(1, 100, (8,)), "expired", 0)
    assert toy.replies[-1][1] is Failure.NO_CONNECTION
    assert core.tally.total("toy", "timeout") == 0
    assert core.tally.total("toy", "expired") == 1


# ---- silence ----
def silent_orders(core: HostCore, port: Rememberer, until_ms: int) -> list[tuple[int, object]]:
    seen = []
    for now_ms in range(0, until_ms, 20):
        before = len(port.written)
        core.poll(now_ms)
        seen += [(now_ms, order) for order, _ in port.written[before:]]
    return seen


def test_before_the_first_image_nothing_is_said() -> None:
    core, port = hosted(device(BusKind.CAN))
    assert silent_orders(core, port, 10_000) == []
    core.farewell(10_000)
    assert port.written == []


def test_the_silence_image_is_said_once_and_in_time() -> None:
    core, port = hosted(device(BusKind.CAN))
    core.on_image(image(1, 16_000, 50), 0)
    port.written.clear()
    order = Frame(0x200, (6_000).to_bytes(2, "big"))
    seen = []
    for now_ms in range(0, 10_000, 20):
        core.poll(now_ms)
        if port.written:
            seen.append((now_ms, port.written.pop()))
            core.on_sent(0, order, now_ms)
    assert seen == [(1_000, (order, 2_000))]
    assert core.tally.total("toy", "silence") == 1


def test_an_unconfirmed_silence_image_is_repeated_each_second() -> None:
    core, port = hosted(device(BusKind.MODBUS))
    core.on_image(image(1, 16_000, 50), 0)
    port.written.clear()
    assert [now_ms for now_ms, _ in silent_orders(core, port, 3_500)] == [1_000, 2_000, 3_000]
    core.on_registers(0, WriteRegisters(1, 100, (6_000,)), (), 3_500)
    before = len(port.written)
    core.poll(9_000)
    assert len(port.written) == before


def test_silence_starts_nothing_that_was_stopped() -> None:
    toy = CanToy()
    core, _ = hosted(device(BusKind.CAN, silence=6_000, toy=toy))
    core.on_image(image(1, 0, 50), 0)
    core.poll(1_000)
    assert toy.said == [0, 0]


def test_without_a_silence_image_old_values_are_simply_not_said_again() -> None:
    core, port = hosted(device(BusKind.CAN, silence=None))
    core.on_image(image(1, 16_000, 50), 0)
    port.written.clear()
    assert silent_orders(core, port, 5_000) == []
    assert core.tally.total("toy", "silence") == 1


def test_a_new_image_ends_the_silence() -> None:
    core, port = hosted(device(BusKind.CAN))
    core.on_image(image(1, 16_000, 50), 0)
    core.poll(1_500)
    core.on_image(image(2, 10_000, 1_700), 1_600)
    port.written.clear()
    core.poll(2_599)
    assert port.written == []
    core.poll(2_600)
    assert len(port.written) == 1
    assert core.tally.total("toy", "silence") == 2


# ---- report ----
def test_a_report_comes_each_second_and_when_the_link_changes() -> None:
    core, _ = hosted(device(BusKind.CAN))
    first = core.report(0)
    assert first is not None
    assert first.link == "down"
    assert core.report(999) is None
    core.on_link(True, "open", 999)
    changed = core.report(999)
    assert changed is not None
    assert changed.link == "up"
    core.on_frame(Frame(0x555, b""), 1_000)
    later = core.report(1_999)
    assert later is not None
    assert count(later, "bus0", "frames_in") == 1


def test_a_bus_in_observe_says_so() -> None:
    core, _ = hosted(device(BusKind.CAN), observe=True)
    core.on_link(True, "open", 0)
    report = core.report(0)
    assert report is not None
    assert report.link == "observing"
