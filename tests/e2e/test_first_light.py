"""The house runs end to end: what the README promises, on real processes and real bytes."""

from __future__ import annotations

import psutil
import pytest
from running_house import RunningHouse, running_house


def wallbox(house: RunningHouse) -> dict[str, object]:
    return house.state("wallbox")


def test_a_cold_start_comes_to_normal_without_a_hand(house: RunningHouse) -> None:
    snapshot = house.until_mode("normal")
    assert snapshot.trips == ()


def test_a_granted_setpoint_arrives_at_the_wallbox(house: RunningHouse) -> None:
    answer = house.set("wallbox.current", 10, "A")
    assert answer["verdict"] == "granted"
    assert [clause["rule"] for clause in answer["clauses"]] == ["permissions.charge_the_car"]
    house.until(lambda: wallbox(house)["ampere"] == 10 and wallbox(house)["force_state"] == 2, "10 A on the wire")


def test_too_much_is_clipped_to_what_the_rating_leaves(house: RunningHouse) -> None:
    answer = house.set("wallbox.current", 40, "A")
    assert (answer["verdict"], answer["value"]) == ("clipped", 16)
    assert answer["clauses"][-1]["rule"] == "rating"


def test_less_than_the_car_can_use_is_nothing_and_never_raised_to_its_minimum(house: RunningHouse) -> None:
    house.set("wallbox.current", 8, "A")
    lowered = house.set("wallbox.current", 4, "A")  # whoever lowers what he holds is not refused
    assert (lowered["verdict"], lowered["value"]) == ("clipped", 0)
    house.http("POST", "/v1/targets/wallbox.current/release")
    code, answer = house.http("PUT", "/v1/targets/wallbox.current/setpoint", {"value": 4, "unit": "A", "kind": "live"})
    assert code == 403
    assert answer["verdict"] == "refused"
    assert "nothing between 0 A and 6 A" in answer["clauses"][-1]["text"]


def test_what_no_permission_names_is_refused(house: RunningHouse) -> None:
    body = {"value": 1, "unit": "flag", "kind": "live"}
    code, answer = house.http("PUT", "/v1/targets/relays.coil_2/setpoint", body)
    assert (code, answer["clauses"][-1]["rule"]) == (403, "permission.none")


@pytest.mark.parametrize("token", ["", "wrong", "demo-optimiser2"])
def test_a_stranger_cannot_write(house: RunningHouse, token: str) -> None:
    body = {"value": 6, "unit": "A", "kind": "live"}
    code, _ = house.http("PUT", "/v1/targets/wallbox.current/setpoint", body, token=token)
    assert code == 401


def test_a_stop_takes_effect_and_a_new_grant_ends_it(house: RunningHouse) -> None:
    house.set("wallbox.current", 12, "A")
    code, answer = house.http("POST", "/v1/targets/wallbox.current/stop", token="demo-phone")
    assert (code, answer["verdict"]) == (200, "done")
    house.until(lambda: wallbox(house)["force_state"] == 1, "the wallbox is off")
    house.set("wallbox.current", 6, "A")
    house.until(lambda: wallbox(house)["force_state"] == 2, "the wallbox is on again")


def test_when_a_lease_ends_the_target_goes_to_its_program(house: RunningHouse) -> None:
    house.set("wallbox.current", 6, "A", duration_s=2)
    house.until(lambda: wallbox(house)["force_state"] == 2, "6 A on the wire", 1.5)
    house.until(lambda: wallbox(house)["force_state"] == 1, "the program says 0 A", 5)


def test_a_contact_is_closed_through_its_machine_and_proven(house: RunningHouse) -> None:
    house.set("relays.coil_1", 1, "flag", "setting")
    house.until(lambda: house.state("relays")["closed"][0], "contact 1 is closed")
    seen = house.until_seen(lambda d, s: _machine(d, s, "relays.coil_1") == "closed", "proven closed")
    assert seen.mode == "normal"
    house.http("POST", "/v1/targets/relays.coil_1/release")
    house.until_seen(lambda d, s: _machine(d, s, "relays.coil_1") == "open", "proven open")


def _machine(describe: object, snapshot: object, name: str) -> str:
    for info, state in zip(describe.machines, snapshot.machines, strict=True):  # type: ignore[attr-defined]
        if info.id == name:
            return str(info.states[state.state])
    raise LookupError(name)


def test_the_metrics_tell_mode_and_output(house: RunningHouse) -> None:
    metrics = house.metrics()
    assert metrics['powerwarden_house_mode{mode="normal"}'] == 1
    assert any(name.startswith("powerwarden_target_output") for name in metrics)


def test_stopping_leaves_the_car_at_its_silence_image_and_nobody_behind() -> None:
    with running_house() as house:
        house.until_mode("normal")
        house.set("wallbox.current", 6, "A")
        house.until(lambda: wallbox(house)["force_state"] == 2, "the car may charge")
        assert house.product is not None
        children = psutil.Process(house.product.pid).children(recursive=True)
        house.product.terminate()
        assert house.product.wait(15) == 0
        assert wallbox(house)["force_state"] == 1
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        assert "Traceback" not in house.log("product")
        assert "WARNING" not in house.log("product")
