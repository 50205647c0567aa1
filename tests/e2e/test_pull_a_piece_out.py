"""Pull a piece out and watch: kill -9, SIGSTOP and SIGCONT of each process in turn, judged from the wire.

Reaction times are measured from the signal to what the rig's devices saw. The limits asserted here are the declared
ones (docs/safety/silence.md), with room for a busy machine; the measured figures are written down where
POWERWARDEN_MEASURED names a file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from running_house import ROOT, RunningHouse, now_ms, running_house

from supervisor import wire

SLACK_MS = 1_000  # a shared machine with two cores
SILENCE_MS = 500  # policies/uc001: silence_after of the wallbox
DROP_OUT_MS = 8_000  # the switch on the relay node
FORCE_STATE = 337  # the wallbox's register: 1 off, 2 on


def counters(snapshot: wire.Snapshot) -> dict[str, int]:
    return dict(snapshot.counters)


def charging(house: RunningHouse) -> None:
    """The state from which each piece is pulled: 6 A for the car, contact 1 closed, nothing wrong."""
    house.until_mode("normal")
    house.until(house.healthy, "the gateway answers")
    house.set("wallbox.current", 6, "A", "setting", 600)
    house.set("relays.coil_1", 1, "flag", "setting", 600)
    house.until(lambda: house.state("wallbox")["force_state"] == 2, "the car may charge")
    house.until(lambda: house.state("relays")["closed"][0], "contact 1 is closed")


def well_again(house: RunningHouse, since_ms: int, before: wire.Snapshot, skipped_max: int = 0) -> int:
    """Normal, nothing latched, no cycle lost by the guardian; returns how long it took (ms)."""
    after = house.until_seen(
        lambda _, s: s.mode == "normal" and not s.trips and all(b.connected and b.link == "up" for b in s.buses),
        "well again",
    )
    assert not [trip for trip in after.trips if trip.latched]
    house.until(house.healthy, "the gateway answers")
    assert counters(after)["skipped_cycles"] - counters(before)["skipped_cycles"] <= skipped_max
    return now_ms() - since_ms


def picture(house: RunningHouse) -> wire.Snapshot:
    return house.until_seen(lambda _d, _s: True, "a picture")


@pytest.mark.parametrize("part", ["can0", "lan", "gateway"])
def test_a_killed_child_comes_back_and_the_guardian_misses_no_cycle(
    house: RunningHouse, part: str, measured: Callable[..., None]
) -> None:
    charging(house)
    before = picture(house)
    pid = house.process(part).pid
    killed_ms = house.kill(part)
    house.until(lambda: alive(house, part, pid), f"{part} is a new process", 10)
    back_ms = well_again(house, killed_ms, before)
    assert house.state("wallbox")["ampere"] == 6
    assert house.state("relays")["closed"][0], "a restart shorter than the drop-out time changes no contact"
    measured(part=part, signal="KILL", normal_after_ms=back_ms)


def alive(house: RunningHouse, part: str, not_pid: int) -> bool:
    try:
        return house.process(part).pid != not_pid
    except LookupError:
        return False


def test_a_bus_that_hangs_longer_than_the_drop_out_time_sends_no_old_command(
    house: RunningHouse, measured: Callable[..., None]
) -> None:
    charging(house)
    before = picture(house)
    with house.stopped("can0") as stopped_ms:
        house.until_seen(lambda _, s: s.mode == "degraded", "the loss is seen", 10)
        degraded_ms = now_ms() - stopped_ms
        house.until(lambda: not house.state("relays")["closed"][0], "the node drops out by itself", 15)
        dropped_ms = now_ms() - stopped_ms
        cut_ms = now_ms()
    resumed = list(house.until(lambda: [w for w in house.writes("relays") if w["t"] > cut_ms], "it speaks again"))
    assert not bytes.fromhex(resumed[0]["data"])[0] & 1, "the first word after the pause must not close anything"
    back_ms = well_again(house, cut_ms, before)
    assert abs(dropped_ms - DROP_OUT_MS) < SLACK_MS
    house.until(lambda: house.state("relays")["closed"][0], "closed again, through its machine")
    measured(
        part="can0", signal="STOP", degraded_after_ms=degraded_ms, dropped_after_ms=dropped_ms, normal_after_ms=back_ms
    )


def test_a_modbus_process_that_hangs_sends_nothing_old_when_it_goes_on(
    house: RunningHouse, measured: Callable[..., None]
) -> None:
    charging(house)
    before = picture(house)
    with house.stopped("lan") as stopped_ms:
        house.until_seen(lambda _, s: s.mode == "degraded", "the loss of meter and wallbox", 15)
        degraded_ms = now_ms() - stopped_ms
        assert house.state("wallbox")["force_state"] == 2, "a device without a time-out keeps its last order"
        assert house.http("POST", "/v1/targets/wallbox.current/stop")[0] == 200
        house.until_seen(lambda _, s: s.targets[-1].output == 0, "the stop is decided")
        cut_ms = now_ms()
    house.until(lambda: house.state("wallbox")["force_state"] == 1, "the stop arrives")
    stop_ms = now_ms() - cut_ms
    back_ms = well_again(house, cut_ms, before)
    orders = [w["values"] for w in house.writes("wallbox") if w["t"] > cut_ms and w["address"] == FORCE_STATE]
    assert [2] not in orders, "nothing of before the pause may be said after it"
    measured(part="lan", signal="STOP", degraded_after_ms=degraded_ms, stop_after_ms=stop_ms, normal_after_ms=back_ms)


def test_a_stopped_gateway_costs_nobody_anything(house: RunningHouse, measured: Callable[..., None]) -> None:
    charging(house)
    before = picture(house)
    with house.stopped("gateway") as stopped_ms:
        during = house.until_seen(lambda _, s: s.cycle > before.cycle + 40, "forty cycles")
        assert during.mode == "normal"
        assert house.state("wallbox")["force_state"] == 2
    back_ms = well_again(house, stopped_ms, before)
    measured(part="gateway", signal="STOP", normal_after_ms=back_ms)


@pytest.mark.parametrize(
    ("device", "lost_ms"), [("meter", 3_000), ("battery", 6_000), ("wallbox", 6_000), ("relays", 1_500)]
)
def test_a_device_that_hangs_degrades_the_house_and_is_found_again(
    house: RunningHouse, device: str, lost_ms: int, measured: Callable[..., None]
) -> None:
    charging(house)
    before = picture(house)
    with house.stopped(device) as stopped_ms:
        house.until_seen(lambda _, s: s.mode == "degraded", f"the loss of {device}", 15)
        degraded_ms = now_ms() - stopped_ms
        assert house.metrics()['powerwarden_house_mode{mode="degraded"}'] == 1
        cut_ms = now_ms()
    back_ms = well_again(house, cut_ms, before)
    assert degraded_ms < lost_ms + SLACK_MS
    measured(part=device, signal="STOP", degraded_after_ms=degraded_ms, normal_after_ms=back_ms)


def test_a_killed_device_is_found_again_when_it_is_started(house: RunningHouse, measured: Callable[..., None]) -> None:
    charging(house)
    before = picture(house)
    killed_ms = house.kill("meter")
    house.until_seen(lambda _, s: s.mode == "degraded", "the loss of the meter", 15)
    degraded_ms = now_ms() - killed_ms
    command = [sys.executable, "-m", "hil.cli", "sim", "meter", "--house", "uc001", "--dir", str(house.dir)]
    started = subprocess.Popen([*command, "--port-base", str(house.port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        back_ms = well_again(house, now_ms(), before)
        measured(part="meter", signal="KILL", degraded_after_ms=degraded_ms, normal_after_ms=back_ms)
    finally:
        started.terminate()
        started.wait(10)


def test_a_killed_guardian_leaves_each_actuator_to_its_silence_and_comes_back(measured: Callable[..., None]) -> None:
    with running_house() as house:
        charging(house)
        killed_ms = house.kill("guardian")
        house.until(lambda: "guardian was killed" in house.log("product"), "the launcher notices")
        house.until_mode("normal")
        back_ms = now_ms() - killed_ms
        house.until_seen(lambda _, s: not s.trips, "nothing latched")
        assert house.state("wallbox")["force_state"] == 1, "its lease died with the guardian; the program says 0 A"
        house.until(lambda: not house.state("relays")["closed"][0], "nobody wants contact 1 closed any more")
        measured(part="guardian", signal="KILL", normal_after_ms=back_ms)


def test_with_the_guardian_silent_each_actuator_shows_its_declared_silence_in_the_order_of_the_ladder(
    measured: Callable[..., None],
) -> None:
    with running_house() as house:
        charging(house)
        house.until(lambda: house.state("wallbox")["current_a"][0] > 5, "the car draws")
        with house.stopped("guardian") as stopped_ms:
            house.until(lambda: house.state("wallbox")["force_state"] == 1, "the silence image", 5)
            image_ms = now_ms() - stopped_ms
            house.until(lambda: house.state("wallbox")["current_a"][0] == 0, "the car is at zero", 10)
            zero_ms = now_ms() - stopped_ms
            assert house.state("relays")["closed"][0], "flow goes to zero before a contactor drops"
            house.until(lambda: not house.state("relays")["closed"][0], "the node drops out", 15)
            dropped_ms = now_ms() - stopped_ms
            cut_ms = now_ms()
        written = house.until(lambda: [w for w in house.writes("relays") if w["t"] > cut_ms], "it speaks again")
        assert not bytes.fromhex(written[0]["data"])[0] & 1, "the first word after the pause must not close anything"
        house.until_mode("normal")
        back_ms = now_ms() - cut_ms
        assert image_ms < SILENCE_MS + SLACK_MS
        assert image_ms < zero_ms < dropped_ms
        assert abs(dropped_ms - DROP_OUT_MS) < SLACK_MS
        measured(
            part="guardian",
            signal="STOP",
            silence_image_ms=image_ms,
            car_zero_ms=zero_ms,
            dropped_ms=dropped_ms,
            normal_after_ms=back_ms,
        )
