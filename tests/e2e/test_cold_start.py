"""Cold starts in every order: with everything missing nothing latches, and what comes later is found without a hand."""

from __future__ import annotations

from running_house import RunningHouse


def test_a_house_whose_devices_all_come_later_latches_nothing_and_comes_to_normal() -> None:
    house = RunningHouse(start_rig=False)
    try:
        alone = house.until_mode("degraded", 30)
        assert alone.mode_for_ms >= 0
        assert not [trip for trip in alone.trips if trip.latched]
        assert all(bus.connected and bus.link != "up" for bus in alone.buses)
        assert [target.output for target in alone.targets] == [None, None, None, None, 0], "no word to unseen contacts"
        house.start_rig()
        found = house.until_mode("normal", 30)
        house.until_seen(lambda _, s: not s.trips, "nothing is left of it")
        assert not [trip for trip in found.trips if trip.latched]
    finally:
        house.close()
