"""A real Node-RED with the example flows, a real mosquitto with the access list we print, and a whole house.

Judged is by the box and by what passes the broker, not by what Node-RED believes. The tests stand in their order: what
ends something comes last. "Pressed" is the button of an inject node, through the API that Node-RED's editor uses.
"""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections.abc import Callable

from mqtt_probe import Probe
from nodered_scene import TOKEN, Scene

CAR = "wallbox.current"
SET, RELEASE, STOP = (f"powerwarden/ask/nodered/{what}" for what in (f"set/{CAR}", f"release/{CAR}", "stop"))
VOLTS, SUNS = itertools.cycle((229, 231)), itertools.cycle((14_000, 14_100))
LEASE_S = 30.0  # what the live optimiser asks for
LATE_S = 2.0  # what the house may take to end a lease and to show it, on a busy machine


def asked(watcher: Probe) -> list[str]:
    """The topics of all that was asked while the watcher listened."""
    return [got.topic for got in list(watcher.heard) if "/ask/" in got.topic or "/request/" in got.topic]


def decided(scene: Scene) -> float:
    """How much anybody has asked of the guardian so far, whichever way."""
    return sum(value for name, value in scene.house.metrics().items() if name.startswith("powerwarden_decisions_total"))


def connected(scene: Scene) -> None:
    scene.nodered.until(
        lambda: scene.nodered.shown.get("pw_live_meter") == "node-red:common.status.connected", "it is in"
    )
    scene.nodered.until(lambda: "online" in scene.nodered.shown.get("pw_alarm_box", ""), "it hears the box")


def fresh(scene: Scene, watcher: Probe) -> None:
    """Wait until each device of the optimiser has said something new: what it takes readings from."""
    before = len(watcher.heard)
    scene.house.fault("plant", set="grid_v", value=next(VOLTS))  # what both of them show
    scene.house.fault("plant", set="pv_w", value=next(SUNS))
    for device in ("meter", "wallbox"):
        watcher.next(f"powerwarden/device/{device}/state", before)


def optimising(scene: Scene, watcher: Probe, pv_w: int) -> None:
    """Switched on, with a sunny roof, and holding the car."""
    scene.house.fault("plant", set="pv_w", value=pv_w)
    before = len(watcher.heard)
    scene.nodered.press("pw_live_on")
    scene.nodered.press("pw_live_tick")
    scene.house.fault("plant", set="grid_v", value=next(VOLTS))  # so that it says something within 30 s

    ticking(scene, lambda: any(got.topic == SET for got in list(watcher.heard)[before:]), "it asks", 40.0)


def ticking(scene: Scene, condition: Callable[[], object], what: str, timeout_s: float) -> None:
    """Let the optimiser's clock tick about once a second (by itself it does every 10 s) until ``condition`` holds."""
    end = time.monotonic() + timeout_s
    while True:
        scene.nodered.press("pw_live_tick")
        try:
            scene.nodered.until(condition, what, 1.0)
        except AssertionError:
            if time.monotonic() > end:
                raise
        else:
            return


# ---- nothing begins by itself ------------------------------------------------------------------------------------
def test_importing_and_deploying_asks_for_nothing_until_something_is_pressed(scene: Scene, watcher: Probe) -> None:
    before = decided(scene)
    for _ in range(2):
        scene.nodered.deploy(scene.flows())
        connected(scene)
    scene.house.fault("plant", set="pv_w", value=14_000)
    fresh(scene, watcher)
    scene.nodered.press("pw_live_tick")  # its clock ticks, and it is off
    scene.nodered.until(lambda: scene.nodered.shown.get("pw_live_work") == "off", "it is off")
    assert (asked(watcher), decided(scene) - before, scene.house.holder(CAR)) == ([], 0, "")
    scene.nodered.press("pw_request_get")  # and this is heard, so anything else would have been
    watcher.until(lambda: asked(watcher) == ["powerwarden/request/nodered"], "only what was pressed")


def test_what_the_broker_kept_is_no_reading_to_act_on(scene: Scene, watcher: Probe) -> None:
    scene.nodered.deploy(scene.flows())
    connected(scene)
    deployed = len(watcher.heard)
    optimising(scene, watcher, 14_000)
    said = [got.topic for got in watcher.heard[deployed:]]
    for device in ("meter", "wallbox"):
        assert f"powerwarden/device/{device}/state" in said[: said.index(SET)], device


# ---- the live optimiser ------------------------------------------------------------------------------------------
def test_a_surplus_becomes_a_live_lease_with_a_heartbeat_and_the_answer_on_the_badge(
    scene: Scene, watcher: Probe
) -> None:
    optimising(scene, watcher, 14_000)
    lease = scene.house.until(lambda: scene.house.target(CAR)["lease"], "a lease")
    assert (lease["holder"], lease["kind"]) == ("nodered", "live")
    assert 6 <= lease["value"] <= 16
    assert LEASE_S - 10 < lease["expires_in_s"] <= LEASE_S
    watcher.next("powerwarden/ask/nodered/heartbeat")
    scene.nodered.until(lambda: f"{CAR}: " in scene.nodered.shown.get("pw_live_tell", ""), "the answer on the badge")


def test_no_command_of_these_flows_is_retained(scene: Scene, watcher: Probe) -> None:
    optimising(scene, watcher, 14_000)
    with Probe(scene.broker.port, "powerwarden/#", user="watcher", password="of-the-test") as late:
        late.until_kept("powerwarden/status", lambda said: said == "online")
        late.until_kept(f"powerwarden/target/{CAR}/state", lambda said: said["held_by"] == "nodered")
        assert not [topic for topic in late.kept if "/ask/" in topic or "/request/" in topic]


def test_a_clipped_wish_is_shown_with_its_reason(scene: Scene, watcher: Probe) -> None:
    optimising(scene, watcher, 18_000)
    ticking(scene, lambda: _clips(scene), "a clip in the side bar", 20.0)
    assert scene.house.target(CAR)["lease"]["value"] <= 16
    assert "instead of" in scene.nodered.shown["pw_live_tell"]


def _clips(scene: Scene) -> bool:
    return any(said.get("verdict") == "clipped" and "instead of" in said["text"] for said in _less(scene))


def _less(scene: Scene) -> list[dict[str, str]]:
    return [said for said in scene.nodered.heard("clipped or refused") if isinstance(said, dict)]


def test_a_refused_wish_is_shown_with_its_reason(scene: Scene, watcher: Probe) -> None:
    scene.house.fault("meter", fault="value", register="voltage_l2", value=190)
    scene.house.until(lambda: scene.house.target(CAR)["envelope"]["hi"] == 0, "the voltage stops the car")
    optimising(scene, watcher, 14_000)

    def refused() -> bool:
        return any(
            said.get("verdict") == "refused" and "limits.voltage leaves" in said["text"] for said in _less(scene)
        )

    try:
        ticking(scene, refused, "a refusal in the side bar", 20.0)
    finally:
        scene.house.fault("meter", clear=True)
    scene.house.until(lambda: scene.house.target(CAR)["envelope"]["hi"] == 16, "the car may charge again", 90.0)


def test_without_a_fresh_reading_it_asks_for_nothing_and_the_lease_ends(scene: Scene, watcher: Probe) -> None:
    optimising(scene, watcher, 14_000)
    scene.house.fault("meter", fault="silent")
    try:
        blind = "no fresh reading of the meter"
        ticking(scene, lambda: blind in scene.nodered.shown.get("pw_live_work", ""), "it says that it is blind", 50.0)
        before = len(watcher.heard)
        scene.nodered.press("pw_live_tick")
        watcher.next("powerwarden/ask/nodered/heartbeat", before)
        assert SET not in [got.topic for got in watcher.heard[before:]]
        scene.house.until(lambda: scene.house.holder(CAR) == "", "it ends by itself", LEASE_S + LATE_S)
    finally:
        scene.house.fault("meter", clear=True)
    scene.nodered.press("pw_live_off")
    scene.house.until(lambda: scene.house.target(CAR)["envelope"]["hi"] == 16, "the car may charge again", 90.0)


def test_switching_it_off_gives_the_lease_back_at_once(scene: Scene, watcher: Probe) -> None:
    optimising(scene, watcher, 14_000)
    scene.house.until(lambda: scene.house.holder(CAR) == "nodered", "it holds the car")
    scene.nodered.press("pw_live_off")
    scene.house.until(lambda: scene.house.holder(CAR) == "", "it is given back", LATE_S)
    assert RELEASE in asked(watcher)


# ---- stop --------------------------------------------------------------------------------------------------------
def test_the_stop_button_ends_everything_and_the_optimiser_stays_off(scene: Scene, watcher: Probe) -> None:
    optimising(scene, watcher, 14_000)
    scene.nodered.press("pw_request_set")
    scene.house.until(lambda: scene.house.holder(CAR) == "nodered", "it holds the car")
    scene.nodered.press("pw_stop_all")
    scene.house.until(lambda: scene.house.holder(CAR) == "" and scene.house.target(CAR)["output"] == 0, "all stops")
    scene.nodered.until(lambda: scene.nodered.heard("stopped"), "the box has said so")
    watcher.until(lambda: asked(watcher).count(STOP) == 2, "it was said again when the optimiser was off")
    fresh(scene, watcher)
    scene.nodered.press("pw_live_tick")
    scene.nodered.until(lambda: scene.nodered.shown.get("pw_live_work") == "off", "it is off")
    assert asked(watcher)[-1] == STOP, "nothing was asked since"
    assert scene.house.holder(CAR) == ""
    assert not scene.nodered.heard("stop: no answer")


def test_a_stop_that_nobody_answers_says_so(scene: Scene, watcher: Probe) -> None:
    with scene.house.stopped("gateway"):
        scene.nodered.press("pw_stop_car")
        scene.nodered.until(lambda: scene.nodered.heard("stop: no answer"), "nobody answered", 8.0)
    watcher.until_kept("powerwarden/status", lambda said: said == "online")


# ---- the other tabs ----------------------------------------------------------------------------------------------
def test_the_envelope_stands_on_the_badges_and_in_the_side_bar(scene: Scene, watcher: Probe) -> None:
    shown = scene.nodered.shown
    scene.nodered.until(lambda: shown.get("pw_may_car", "").startswith("0 to 16 A"), "what may be asked")
    scene.nodered.press("pw_may_show")
    lines = scene.nodered.until(lambda: scene.nodered.heard("all targets"), "all of them")[-1]
    assert set(lines) == {CAR, *(f"relays.coil_{n}" for n in range(1, 5))}


def test_the_request_scheme_answers_with_values_and_units(scene: Scene, watcher: Probe) -> None:
    before = len(scene.nodered.heard("response"))
    scene.nodered.press("pw_request_get")
    scene.nodered.press("pw_request_set")
    said = scene.nodered.until(lambda: scene.nodered.heard("response")[before + 1 :], "two responses")
    answers = {each["command"]: each for each in scene.nodered.heard("response")[before:]}
    assert said
    assert answers["get"]["values"]["power"]["unit"] == "W"
    assert isinstance(answers["get"]["values"]["power"]["value"], int | float)
    assert answers["set"]["values"]["value"] == {"value": 8, "unit": "A"}
    assert scene.house.target(CAR)["lease"]["value"] == 8
    scene.nodered.press("pw_stop_release")
    scene.house.until(lambda: scene.house.holder(CAR) == "", "it is given back")


def test_a_request_without_response_ends_after_five_seconds(scene: Scene, watcher: Probe) -> None:
    with scene.house.stopped("gateway"):
        scene.nodered.press("pw_request_why")
        scene.nodered.until(lambda: scene.nodered.heard("request: no response"), "it says so", 8.0)
    watcher.until_kept("powerwarden/status", lambda said: said == "online")


def test_the_same_over_http_and_the_token_stays_where_it_was(scene: Scene, watcher: Probe) -> None:
    for button in ("pw_http_may", "pw_http_try", "pw_http_set", "pw_http_stop"):
        count = len(scene.nodered.heard("http: answered"))
        scene.nodered.press(button)
        scene.nodered.until(lambda count=count: len(scene.nodered.heard("http: answered")) > count, button)
        if button == "pw_http_try":
            assert scene.house.holder(CAR) == "", "it only tried"
        if button == "pw_http_set":
            assert scene.house.target(CAR)["lease"]["holder"] == "nodered"
    verdicts = [said.get("verdict") for said in scene.nodered.heard("http: answered")[-3:]]
    assert (verdicts, scene.house.holder(CAR)) == (["clipped", "granted", "done"], "")
    assert TOKEN not in json.dumps(scene.nodered.said) + json.dumps(scene.nodered.flows()) + scene.nodered.log()


def test_a_rule_that_acts_and_one_that_has_cleared_are_told(scene: Scene, watcher: Probe) -> None:
    said = scene.nodered.heard
    scene.house.fault("wallbox", fault="silent")
    try:
        acts = "limits.wallbox_lost acts: "
        scene.nodered.until(lambda: any(str(each).startswith(acts) for each in said("alarm")), "somebody is told", 20.0)
    finally:
        scene.house.fault("wallbox", clear=True)
    scene.nodered.until(lambda: "limits.wallbox_lost has cleared" in said("alarm"), "it is over", 20.0)


# ---- things end --------------------------------------------------------------------------------------------------
def test_a_box_that_goes_is_told_and_nothing_is_asked_of_it(scene: Scene, watcher: Probe) -> None:
    optimising(scene, watcher, 14_000)
    product = scene.house.product
    assert product is not None
    product.send_signal(signal.SIGSTOP)  # who would start it again at once
    try:
        scene.house.kill("gateway")
        watcher.until_kept("powerwarden/status", lambda said: said == "offline", 5.0)
        scene.nodered.until(lambda: "not known" in scene.nodered.shown.get("pw_may_car", ""), "nothing old is shown")
        before = len(watcher.heard)
        scene.nodered.press("pw_live_tick")
        scene.nodered.until(lambda: "offline" in scene.nodered.shown.get("pw_live_work", ""), "it knows")
        told = scene.nodered.heard
        scene.nodered.until(lambda: any("offline for 10 s" in str(s) for s in told("alarm")), "somebody is told", 15.0)
        assert not [got.topic for got in watcher.heard[before:] if "/ask/" in got.topic]
    finally:
        product.send_signal(signal.SIGCONT)
    watcher.until_kept("powerwarden/status", lambda said: said == "online", 10.0)
    scene.nodered.until(lambda: "Powerwarden is back" in scene.nodered.heard("alarm"), "and when it is back")
    scene.nodered.press("pw_live_off")
    watcher.next(RELEASE)


def test_what_was_pressed_while_the_broker_was_away_is_not_sent_later(scene: Scene) -> None:
    scene.broker.kill()
    scene.nodered.until(lambda: any("broker is gone" in str(s) for s in scene.nodered.heard("alarm")), "told", 10.0)
    failed = len(scene.nodered.heard("request: no response"))
    scene.nodered.press("pw_request_set")
    scene.nodered.until(lambda: len(scene.nodered.heard("request: no response")) > failed, "it fails", 10.0)
    scene.broker.start()
    with Probe(scene.broker.port, "powerwarden/#", user="watcher", password="of-the-test") as watcher:
        scene.nodered.until(lambda: "the broker is back" in scene.nodered.heard("alarm"), "it is back", 30.0)
        watcher.until_kept("powerwarden/status", lambda said: said == "online", 15.0)
        scene.nodered.press("pw_request_get")  # on the same connection, so anything older would have come before it
        heard = watcher.until(lambda: [g for g in watcher.heard if "/request/" in g.topic], "what was pressed now")
        assert set(asked(watcher)) == {"powerwarden/request/nodered"}
        assert [json.loads(got.payload)["command"] for got in heard] == ["get"]
    assert scene.house.holder(CAR) == ""


def test_a_killed_node_red_loses_its_lease_in_time_and_asks_nothing_when_it_is_back(
    scene: Scene, watcher: Probe
) -> None:
    optimising(scene, watcher, 14_000)
    scene.house.until(lambda: scene.house.holder(CAR) == "nodered", "it holds the car")
    scene.nodered.kill(signal.SIGKILL)
    last = max(got.at_s for got in watcher.heard if got.topic == SET)
    scene.house.until(lambda: scene.house.holder(CAR) == "", "it ends by itself", LEASE_S + LATE_S)
    assert time.monotonic() - last <= LEASE_S + LATE_S
    before, count = len(asked(watcher)), decided(scene)
    del scene.nodered.env["POWERWARDEN_TOKEN"]
    scene.nodered.start()  # with the same folder: its flows, and what they remember on disk
    connected(scene)
    fresh(scene, watcher)
    scene.nodered.press("pw_live_tick")
    scene.nodered.until(lambda: scene.nodered.shown.get("pw_live_work") == "off", "it is off")
    assert (asked(watcher)[before:], decided(scene) - count, scene.house.holder(CAR)) == ([], 0, "")


def test_without_a_token_http_says_what_is_missing(scene: Scene, watcher: Probe) -> None:
    scene.nodered.press("pw_http_set")
    scene.nodered.until(
        lambda: any("POWERWARDEN_TOKEN" in str(s) for s in scene.nodered.heard("http: no answer")), "it"
    )
    assert scene.house.holder(CAR) == ""


def test_its_log_has_no_complaint(scene: Scene) -> None:
    lines = [line for line in scene.nodered.log().splitlines() if " [error] " in line or " [warn] " in line]
    expected = ("Projects disabled", "Encrypted credentials not found", "ask, wait 5 s at most", "with the token")
    assert [line for line in lines if not any(word in line for word in expected)] == []
