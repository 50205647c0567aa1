"""The relay node's driver remembers what frames mean; what it says is what it would say without a memory."""

from __future__ import annotations

from driver_wires import sealed
from hypothesis import given
from hypothesis import strategies as st

from drivers import relaynode_can
from drivers.contract import Driver, Frame, Heard
from drivers.relaynode_can import FAMILY, STATUS_ID

NODE = st.tuples(st.integers(1, 3), st.sampled_from((1, 4, 8)))
BODY = st.one_of(
    st.binary(min_size=7, max_size=7), st.sampled_from((bytes(7), b"\x55" * 7, b"\x00\x00\x03\x01\x78\x00\x0a"))
)
COILS = st.integers(0, 255)


def build(node: int, contacts: int) -> Driver:
    return FAMILY.build({"node": node, "contacts": contacts, "drop_out_ms": 1_000}, bytes(32))


def forget() -> None:
    for remembered in (relaynode_can._status, relaynode_can._command, relaynode_can._checksum):
        remembered.cache_clear()


def hear(driver: Driver, node: int, body: bytes) -> list[Heard]:
    return list(driver.on_frame(sealed(STATUS_ID + 16 * (node - 1), body + b"\0"), 0))


@given(st.lists(st.tuples(NODE, BODY), max_size=10))
def test_a_status_means_the_same_whoever_has_said_it_before(course: list[tuple[tuple[int, int], bytes]]) -> None:
    with_memory, without = {}, {}
    for (node, contacts), body in course:
        for kept in (with_memory, without):
            kept.setdefault((node, contacts), build(node, contacts))
        heard = hear(with_memory[node, contacts], node, body)
        forget()
        assert hear(without[node, contacts], node, body) == heard


@given(st.lists(st.tuples(NODE, COILS), max_size=20))
def test_a_command_is_the_same_whoever_has_sent_it_before(course: list[tuple[tuple[int, int], int]]) -> None:
    with_memory, without = {}, {}
    for number, ((node, contacts), coils) in enumerate(course):
        wanted = {f"coil_{n}": coils >> (n - 1) & 1 for n in range(1, contacts + 1)}
        said = []
        for kept in (with_memory, without):
            driver = kept.setdefault((node, contacts), build(node, contacts))
            said.append(list(driver.say(wanted, 100 * number)))
            forget()
        assert said[0] == said[1]
        for frame in said[0]:
            assert isinstance(frame, Frame)
            assert frame.data[0] == coils & (1 << contacts) - 1
            assert frame == sealed(frame.can_id, frame.data)
