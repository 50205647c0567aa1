"""What an image says to a device depends on that image alone, whatever was said before it."""

from __future__ import annotations

from bus_toys import Rememberer, bus, device
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BusKind, Frame
from supervisor.bus.host import HostCore
from supervisor.bus.outputs import whole
from supervisor.wire import Image

DEVICES = (device(BusKind.CAN), device(BusKind.CAN, "other", 1))
VALUE = st.sampled_from((-1, 0, 3_000, 6_000, 6_500, 8_000, 32_000, 40_000))
IMAGE = st.lists(st.tuples(st.sampled_from((0, 1, 7)), VALUE), max_size=3).map(tuple)


@given(st.lists(IMAGE, max_size=8))
def test_each_image_is_said_as_if_it_were_the_first(images: list[tuple[tuple[int, int], ...]]) -> None:
    core, port = HostCore(bus(BusKind.CAN, *DEVICES), bytes, lambda: None), Rememberer()
    core.attach(port, port)
    wanted, partial = [], 0
    for cycle, values in enumerate(images):
        core.on_image(Image(cycle, 50 * cycle + 150, values), 50 * cycle)
        for each in DEVICES:
            said = whole(each.outputs, dict(values))
            partial += said is None
            if said is not None:
                wanted.append((Frame(0x200, said["limit"].to_bytes(2, "big")), 50 * cycle + 150))
    assert port.written == wanted
    assert core.tally.total("toy", "partial") + core.tally.total("other", "partial") == partial


@given(IMAGE)
def test_an_image_that_repeats_itself_holds_off_silence_exactly_where_it_is_whole(
    values: tuple[tuple[int, int], ...],
) -> None:
    core, port = HostCore(bus(BusKind.CAN, *DEVICES), bytes, lambda: None), Rememberer()
    core.attach(port, port)
    core.on_image(Image(0, 1_000, ((0, 8_000), (1, 8_000))), 0)
    for cycle in range(1, 40):
        core.on_image(Image(cycle, 50 * cycle + 150, values), 50 * cycle)
        core.poll(50 * cycle)
    for each in DEVICES:
        silent = whole(each.outputs, dict(values)) is None
        assert core.tally.total(each.name, "silence") == silent
