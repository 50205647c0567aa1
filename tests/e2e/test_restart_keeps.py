"""A weld, a kill -9, and a guardian that comes back knowing it: latch and wear survive, and nothing closes again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from running_house import RunningHouse, now_ms, running_house

from supervisor import wire

COIL = "relays.coil_1"


def position(described: wire.Describe, snapshot: wire.Snapshot) -> str:
    """The state of the first contactor's machine."""
    return next(
        info.states[at.state] for info, at in zip(described.machines, snapshot.machines, strict=True) if info.id == COIL
    )


def kept(house: RunningHouse) -> dict[str, Any]:
    """What state.json says of the first contactor; nothing before there is one."""
    path = house.dir / "state.json"
    if not path.exists():
        return {}
    content = json.loads(path.read_text())["kept"]
    assert isinstance(content, dict)
    return dict(content["contactors"].get(COIL, {}))


def test_a_welded_contactor_is_still_welded_after_kill_9_and_its_wear_is_counted(measured: Callable[..., None]) -> None:
    with running_house() as house:
        house.until_mode("normal")
        house.until(house.healthy, "the gateway answers")
        assert "a new house, nothing is latched" in house.log("product")
        house.set(COIL, 1, "flag", "setting", 600)
        house.until(lambda: house.state("relays")["closed"][0], "contact 1 is closed")
        house.until(lambda: kept(house).get("closings") == 1, "its closing is on disk")
        house.fault("relays", fault="welded", contact=1)
        house.set(COIL, 0, "flag", "setting", 600)
        house.until_seen(lambda d, s: position(d, s) == "welded", "the weld is seen")
        seen_ms = now_ms()
        house.until(lambda: kept(house).get("latch") == "welded", "the latch is on disk")
        on_disk_ms = now_ms() - seen_ms

        killed_ms = house.kill("guardian")
        house.until(lambda: "welded since before the restart" in house.log("product"), "it comes back and says so")
        house.fault("relays", clear=True)
        house.until(lambda: not house.state("relays")["closed"][0], "the contact has come loose")
        house.until_seen(lambda d, s: s.cycle > 40 and position(d, s) == "welded", "two seconds later")
        back_ms = now_ms() - killed_ms
        house.until(house.healthy, "the gateway answers")
        body = {"value": 1, "unit": "flag", "kind": "setting", "duration_s": 60}
        house.http("PUT", f"/v1/targets/{COIL}/setpoint", body)
        after = house.until_seen(lambda d, s: s.cycle > 80, "two more")
        assert (after.mode, after.targets[0].output) == ("fault", 0)
        told = [w for w in house.writes("relays") if w["t"] > killed_ms]
        assert told, "the node is told its coils again"
        assert not [w for w in told if bytes.fromhex(w["data"])[0] & 1], "and never that this one shall close"
        assert kept(house) | {"paid_in_ms": 0} == {
            "closings": 1, "broken": 1, "failures": 0, "paid_in_ms": 0, "latch": "welded",
        }  # fmt: skip
        assert house.metrics()["powerwarden_state_not_kept_total"] == 0
        measured(latch_on_disk_within_ms=on_disk_ms, back_after_ms=back_ms)
