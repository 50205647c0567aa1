"""The relay node: what proves a contact, and what keeps a coil energised."""

from __future__ import annotations

import pytest
from driver_wires import frame, relay_command, relay_status

from drivers.contract import Defect, DefectKind, Driver, Frame, Heard, Sample
from drivers.relaynode_can import FAMILY
from supervisor.kernel.signal import Quality

OPTIONS: dict[str, int | bool | str] = {"node": 1, "contacts": 4, "drop_out_ms": 1000}
REST = {"coil_2": 0, "coil_3": 0, "coil_4": 0}


def node(**options: int) -> Driver:
    return FAMILY.build({**OPTIONS, **options}, bytes(32))


def samples(heard: list[Heard]) -> dict[str, Sample]:
    return {item.name: item for item in heard if isinstance(item, Sample)}


def kinds(heard: list[Heard]) -> list[DefectKind]:
    return [item.kind for item in heard if isinstance(item, Defect)]


def hear(driver: Driver, status: Frame) -> list[Heard]:
    return list(driver.on_frame(status, 0))


def say(driver: Driver, now_ms: int, **coils: int) -> list[Frame]:
    asks = list(driver.say({"coil_1": 0, **REST, **coils}, now_ms))
    assert all(isinstance(ask, Frame) for ask in asks)
    return [ask for ask in asks if isinstance(ask, Frame)]


# ---- the status ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("byte", range(8))
@pytest.mark.parametrize("bit", range(8))
def test_one_wrong_bit_anywhere_and_nothing_is_believed(byte: int, bit: int) -> None:
    good = relay_status(3, Contact1=1)
    data = bytearray(good.data)
    data[byte] ^= 1 << bit
    assert kinds(hear(node(), Frame(good.can_id, bytes(data)))) == [DefectKind.CRC]
    assert not samples(hear(node(), Frame(good.can_id, bytes(data))))


def test_the_checksum_covers_the_identifier() -> None:
    """The status of node 1, replayed under the identifier of node 2."""
    alien = Frame(0x221, relay_status(3).data)
    assert kinds(hear(node(node=2), alien)) == [DefectKind.CRC]
    assert not kinds(hear(node(node=2), relay_status(3, node=2)))


@pytest.mark.parametrize("length", [0, 1, 7, 9, 12])
def test_wrong_lengths(length: int) -> None:
    heard = hear(node(), Frame(0x211, (relay_status(0).data * 2)[:length]))
    assert kinds(heard) == [DefectKind.LENGTH]
    assert not samples(heard)


@pytest.mark.parametrize("alien", [Frame(0x210, bytes(8)), Frame(0x221, bytes(8)), Frame(0x211, bytes(8), True)])
def test_other_frames_are_not_its_status(alien: Frame) -> None:
    assert kinds(hear(node(), alien)) == [DefectKind.UNKNOWN_ID]


def test_a_stuck_counter_may_trip_and_never_permits() -> None:
    driver = node()
    assert not kinds(hear(driver, relay_status(5, Contact1=1)))
    heard = hear(driver, relay_status(5, Contact1=1))
    assert kinds(heard) == [DefectKind.COUNTER]
    assert samples(heard)["contact_1"] == Sample("contact_1", 1, Quality.SUSPECT)
    assert {item.quality for item in samples(heard).values()} == {Quality.SUSPECT}


def test_a_jump_is_a_lost_frame_and_14_wraps_to_0() -> None:
    driver = node()
    for counter in (3, 4, 9, 14, 0, 1):
        assert not kinds(hear(driver, relay_status(counter)))


def test_counter_15_is_never_alive() -> None:
    driver = node()
    for _ in range(2):
        assert kinds(hear(driver, relay_status(15))) == [DefectKind.COUNTER]
    assert not kinds(hear(driver, relay_status(0)))


@pytest.mark.parametrize(
    ("raw", "value", "defects"),
    [(0, 0, []), (1, 1, []), (2, None, []), (3, None, [DefectKind.NOT_AVAILABLE])],
)
def test_only_open_and_closed_prove_anything(raw: int, value: int | None, defects: list[DefectKind]) -> None:
    heard = hear(node(contacts=8), relay_status(0, Contact8=raw))
    quality = Quality.GOOD if value is not None else Quality.INVALID
    assert samples(heard)["contact_8"] == Sample("contact_8", value, quality)
    assert kinds(heard) == defects


def test_the_echo_of_a_coil_says_nothing_about_its_contact() -> None:
    heard = samples(hear(node(), relay_status(0, CoilEcho=0b0100)))
    assert [heard[f"coil_{n}"].value for n in (1, 2, 3, 4)] == [0, 0, 1, 0]
    assert [heard[f"contact_{n}"].value for n in (1, 2, 3, 4)] == [0, 0, 0, 0]


@pytest.mark.parametrize("reason", range(8))
def test_drop_reasons_with_and_without_a_name(reason: int) -> None:
    heard = hear(node(), relay_status(0, DropReason=reason))
    if reason <= 4:
        assert samples(heard)["drop_reason"] == Sample("drop_reason", reason)
    else:
        assert kinds(heard) == [DefectKind.ENUM]
        assert samples(heard)["drop_reason"] == Sample("drop_reason", None, Quality.INVALID)


@pytest.mark.parametrize(
    ("volts", "value", "defects"),
    [(0.0, 0, []), (23.8, 23_800, []), (50.6, 50_600, []), (50.8, None, ["range"]), (51.0, None, ["not_available"])],
)
def test_coil_supply(volts: float, value: int | None, defects: list[str]) -> None:
    heard = hear(node(), relay_status(0, CoilSupply=volts))
    assert samples(heard)["coil_supply"].value == value
    assert kinds(heard) == defects


@pytest.mark.parametrize("shown_ms", [500, 900, 1100, 25_000])
def test_another_drop_out_time_than_the_site_believes(shown_ms: int) -> None:
    heard = hear(node(), relay_status(0, DropOutTime=shown_ms))
    assert kinds(heard) == [DefectKind.READBACK]
    assert samples(heard)["drop_out"] == Sample("drop_out", shown_ms)
    assert not kinds(hear(node(drop_out_ms=shown_ms), relay_status(0, DropOutTime=shown_ms)))


# ---- the command --------------------------------------------------------------------------------------------------
def test_counter_and_pulse_move_with_every_frame() -> None:
    driver = node()
    told = [relay_command(say(driver, 100 * n, coil_1=1)[0]) for n in range(32)]
    assert [words["AliveCounter"] for words in told] == [n % 15 for n in range(32)]
    assert [words["PermitPulse"] for words in told] == [n % 2 for n in range(32)]
    assert {words["Coil1"] for words in told} == {1}
    assert not any(words[f"Coil{n}"] for words in told for n in range(2, 9))


def test_renewals_are_thinned_and_changes_are_not() -> None:
    driver = node()
    sent = [now_ms for now_ms in range(0, 1_000, 50) if say(driver, now_ms, coil_1=1)]
    assert sent == list(range(0, 1_000, 100))
    assert relay_command(say(driver, 951, coil_1=1, coil_3=1)[0])["Coil3"] == 1
    assert relay_command(say(driver, 952)[0])["Coil1"] == 0
    assert say(driver, 953) == []


def test_nodes_have_identifiers_of_their_own() -> None:
    for number in (1, 2, 15):
        driver = node(node=number)
        assert say(driver, 0)[0].can_id == 0x210 + 16 * (number - 1)
        assert FAMILY.listens({**OPTIONS, "node": number}) == {0x211 + 16 * (number - 1)}


def test_anything_but_one_is_open() -> None:
    for value in (0, 2, -1, 1000):
        assert relay_command(say(node(), 0, coil_1=value)[0])["Coil1"] == 0


def test_a_coil_reverts_safe_after_the_drop_out_time_and_is_proven_by_its_contact() -> None:
    shape = FAMILY.shape({**OPTIONS, "contacts": 2, "drop_out_ms": 700})
    assert [output.name for output in shape.outputs] == ["coil_1", "coil_2"]
    assert {output.silence.after_ms for output in shape.outputs} == {700}
    assert [output.readback for output in shape.outputs] == ["contact_1", "contact_2"]
    ages = {spec.name: spec.max_age_ms for spec in shape.signals}
    assert ages["contact_1"] == 500


def test_the_frame_of_the_golden_file_has_the_checksum_of_the_standard() -> None:
    assert say(node(), 0, coil_1=1)[0] == frame("210 01 00 00 00 00 00 00 81")
