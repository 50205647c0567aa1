"""The relay node's core in virtual time: who may close a contact, and what lets it fall."""

from __future__ import annotations

import pytest

from hil.can_frame import Frame
from hil.sim.can_table import crc8_j1850
from hil.sim.relaynode_can import Options
from hil.sim.relaynode_frames import command_frame
from tests.hil.relay_bench import DATABASE, Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench(contacts=4, drop_out_ms=1000)
    made.until(0)
    return made


def test_the_checksum_is_sae_j1850() -> None:
    assert crc8_j1850(b"123456789") == 0x4B


def test_the_checksum_covers_identifier_low_byte_high_byte_and_seven_bytes() -> None:
    frame = command_frame(node=2, coils=0b101, pulse=1, counter=9)
    assert frame.can_id == 0x220
    assert frame.data[:7] == bytes([0b101, 1, 9, 0, 0, 0, 0])
    assert frame.data[7] == crc8_j1850(bytes([0x20, 0x02]) + frame.data[:7])


def test_a_status_comes_every_100_ms_and_counts_to_14(bench: Bench) -> None:
    bench.until(1600)
    assert [at for at, _ in bench.statuses] == list(range(0, 1601, 100))
    counters = [DATABASE.decode_message("RELAY_STATUS", frame.data)["AliveCounter"] for _, frame in bench.statuses]
    assert counters == [*range(15), 0, 1]
    assert all(frame.data[7] == crc8_j1850(b"\x11\x02" + frame.data[:7]) for _, frame in bench.statuses)


def test_the_first_status_says_open_and_what_is_not_there(bench: Bench) -> None:
    status = bench.last()
    assert [status[f"Contact{n}"] for n in range(1, 9)] == [0, 0, 0, 0, 3, 3, 3, 3]
    assert (status["DropOutTime"], status["CoilSupply"], status["Permit"], status["DropReason"]) == (1000, 24, 0, 0)


def test_a_contact_travels_and_says_so_at_once(bench: Bench) -> None:
    bench.command(0b10)
    bench.until(40)
    bench.command(0b10)
    assert bench.statuses[-1][0] == 40, "a status at the moment when it begins to move"
    assert bench.last()["Contact2"] == 2
    bench.until(75)
    assert bench.statuses[-1][0] == 70
    assert (bench.last()["Contact2"], bench.last()["CoilEcho"]) == (1, 0b10)
    assert bench.closed() == [2]


def test_one_command_alone_arms_no_permit(bench: Bench) -> None:
    bench.command(0b1)
    bench.until(900)
    assert bench.closed() == []
    assert bench.state()["permit"] is False


def test_a_level_holds_nothing_and_changes_hold(bench: Bench) -> None:
    bench.commanded_until(5000, 0b1)
    assert bench.closed() == [1]
    last_change_ms = 4750
    bench.commanded_until(last_change_ms + 1499, 0b1, pulsing=False)
    assert bench.state()["permit"] is True
    bench.until(last_change_ms + 1500)
    assert bench.state()["permit"] is False
    bench.until(last_change_ms + 1520)
    assert bench.closed() == []
    assert bench.state()["drop_reason"] == "permit_lost"
    bench.command(0b1)
    bench.until(bench.now_ms + 30)
    assert bench.closed() == [1], "a change arms it again, and the command still stands"
    assert bench.state()["drop_reason"] == "none"


def test_the_coils_drop_when_commands_stop_for_the_drop_out_time() -> None:
    bench = Bench(drop_out_ms=8000)
    bench.commanded_until(1000, 0b11)
    last_ms = 750
    bench.until(last_ms + 7999)
    assert bench.closed() == [1, 2]
    bench.until(last_ms + 8000)
    assert bench.last()["Contact1"] == 2
    bench.until(last_ms + 8020)
    assert bench.closed() == []
    assert (bench.last()["DropReason"], bench.last()["CoilEcho"]) == (1, 0)


def test_repeated_counters_and_bad_checksums_are_no_commands(bench: Bench) -> None:
    bench.commanded_until(500, 0b1)
    last_ms = 250
    while bench.now_ms < last_ms + 1000:
        bench.command(0b1, counting=False)
        good = command_frame(1, 0b1, 0, 3)
        bench.raw(Frame(good.can_id, good.data[:7] + bytes([good.data[7] ^ 1])))
        bench.until(bench.now_ms + 250)
    assert bench.state()["coils_commanded"] == 0
    assert bench.state()["drop_reason"] == "bad_commands"
    bench.until(bench.now_ms + 100)
    assert bench.last()["RejectedCommands"] == 6


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: Frame(f.can_id, f.data[:7]), "length"),
        (lambda f: Frame(f.can_id, bytes([*f.data[:7], f.data[7] ^ 0x80])), "checksum"),
        (lambda _: command_frame(1, 1, 0, 15), "counter invalid"),
        (lambda _: command_frame(1, 1, 0, 0), "counter repeated"),
    ],
)
def test_each_reason_to_reject_is_recorded(bench: Bench, spoil: object, why: str) -> None:
    bench.raw(command_frame(1, 0, 0, 0))
    bench.raw(spoil(command_frame(1, 1, 1, 1)))  # type: ignore[operator]
    reply = bench.node.control({"get": "writes"}, 0)
    assert [(write["accepted"], write["why"]) for write in reply["writes"]] == [(True, ""), (False, why)]  # type: ignore[attr-defined]
    assert bench.state()["coils_commanded"] == 0


def test_a_skipped_counter_is_a_new_command(bench: Bench) -> None:
    bench.raw(command_frame(1, 0, 0, 3))
    bench.raw(command_frame(1, 1, 1, 7))
    assert (bench.state()["coils_commanded"], bench.state()["rejected"]) == (1, 0)


def test_a_command_for_another_node_is_nobody_s_business(bench: Bench) -> None:
    bench.raw(command_frame(2, 1, 0, 1))
    bench.raw(Frame(0x210, command_frame(1, 1, 0, 1).data, extended=True))
    assert bench.node.control({"get": "writes"}, 0)["count"] == 0


def test_the_rejected_count_stays_at_255(bench: Bench) -> None:
    for _ in range(300):
        bench.raw(Frame(0x210, bytes(8)))
    bench.until(100)
    assert bench.last()["RejectedCommands"] == 255


def test_a_welded_contact_stays_closed_and_its_mirror_tells(bench: Bench) -> None:
    bench.commanded_until(500, 0b11)
    bench.node.control({"fault": "welded", "contact": 1}, 500)
    bench.commanded_until(1000, 0)
    assert bench.closed() == [1]
    assert (bench.last()["Contact1"], bench.last()["Contact2"], bench.last()["CoilEcho"]) == (1, 0, 0)
    bench.node.control({"clear": True}, 1000)
    bench.until(1200)
    assert bench.closed() == []


def test_a_dead_coil_does_not_close(bench: Bench) -> None:
    bench.node.control({"fault": "dead_coil", "contact": 2}, 0)
    bench.commanded_until(1000, 0b11)
    assert bench.closed() == [1]
    assert bench.last()["CoilEcho"] == 0b11, "the node drives a coil that does nothing"


def test_a_foreign_closure_needs_no_command(bench: Bench) -> None:
    bench.node.control({"fault": "foreign", "contact": 3}, 0)
    bench.until(200)
    assert bench.closed() == [3]


def test_a_sagging_supply_drops_everything(bench: Bench) -> None:
    bench.commanded_until(500, 0b1)
    bench.node.control({"fault": "coil_supply", "volt": 12}, 500)
    bench.commanded_until(700, 0b1)
    assert bench.closed() == []
    assert (bench.last()["DropReason"], bench.last()["CoilSupply"]) == (4, 12)
    bench.node.control({"clear": True}, 700)
    bench.commanded_until(1000, 0b1)
    assert bench.closed() == [1]


def test_faults_of_the_status(bench: Bench) -> None:
    def status(**fault: object) -> list[Frame]:
        bench.node.control({"clear": True}, bench.now_ms)
        assert bench.node.control(fault, bench.now_ms)["ok"]
        before = len(bench.statuses)
        bench.until(bench.now_ms + 300)
        return [frame for _, frame in bench.statuses[before:]]

    def decoded(frame: Frame) -> dict[str, object]:
        return dict(DATABASE.decode_message("RELAY_STATUS", frame.data, decode_choices=False))

    assert status(fault="silent") == []
    assert len({decoded(frame)["AliveCounter"] for frame in status(fault="stuck_counter")}) == 1
    assert all(frame.data[7] != crc8_j1850(b"\x11\x02" + frame.data[:7]) for frame in status(fault="wrong_crc"))
    assert {len(frame.data) for frame in status(fault="length", bytes=6)} == {6}
    assert {frame.can_id for frame in status(fault="unknown_id")} == {0x611}
    odd = status(fault="enum", signal="DropReason", value=7)
    assert {decoded(frame)["DropReason"] for frame in odd} == {7}
    assert all(frame.data[7] == crc8_j1850(b"\x11\x02" + frame.data[:7]) for frame in odd), "odd, but well formed"
    assert status(fault="not_available", signal="CoilSupply")[0].data[4] == 255
    assert decoded(status(fault="mirror", contact=4, value=2)[0])["Contact4"] == 2


def test_a_frozen_status_counts_on_and_tells_the_past(bench: Bench) -> None:
    bench.node.control({"fault": "frozen"}, 0)
    bench.commanded_until(1000, 0b1)
    assert bench.closed() == [1]
    counters = [DATABASE.decode_message("RELAY_STATUS", frame.data)["AliveCounter"] for _, frame in bench.statuses]
    assert len(set(counters[:10])) == 10
    assert (bench.last()["Contact1"], bench.last()["Permit"]) == (0, 0)


def test_a_deaf_node_hears_nothing_and_falls(bench: Bench) -> None:
    bench.commanded_until(500, 0b1)
    bench.node.control({"fault": "deaf"}, 500)
    bench.commanded_until(2000, 0b1)
    assert bench.closed() == []
    assert bench.state()["drop_reason"] == "command_timeout"


def test_movements_and_drops_are_in_the_trace(bench: Bench) -> None:
    bench.commanded_until(500, 0b1)
    bench.until(3000)
    notes = [(line["what"], line.get("closed"), line.get("reason")) for line in bench.trace if line["what"] != "write"]
    assert notes == [("contact", True, None), ("drop", None, "command_timeout"), ("contact", False, None)]


@pytest.mark.parametrize(
    "wrong", [{"node": 0}, {"node": 16}, {"contacts": 9}, {"drop_out_ms": 400}, {"drop_out_ms": 1050}]
)
def test_a_node_that_cannot_exist_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Options(**wrong)
