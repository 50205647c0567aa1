"""What the gateway shows of one picture: names, units, labels, and what it leaves out."""

from __future__ import annotations

from fake_guardian import DESCRIBE, SNAPSHOT
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from supervisor.gateway.link import FRESH_MS, Link
from supervisor.gateway.metrics import Metrics, Own
from supervisor.wire import Describe, LeaseInfo, MachineInfo, MachineState, Snapshot, TripInfo

Sample = tuple[str, tuple[tuple[str, str], ...]]


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def shown(
    snapshot: Snapshot = SNAPSHOT, describe: Describe = DESCRIBE, own: Own | None = None, age_ms: int = 0
) -> dict[Sample, float]:
    """Every sample, by its name and labels."""
    clock = Clock()
    link = Link("not connected", clock)
    link.describe, link.snapshot, clock.now_ms = describe, snapshot, age_ms
    text = Metrics(link, own).text().decode()
    found = [s for family in text_string_to_metric_families(text) for s in family.samples]
    assert len({(s.name, *sorted(s.labels.items())) for s in found}) == len(found), "no series twice"
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for s in found}


def counted(**counters: int) -> Snapshot:
    return replace(SNAPSHOT, counters=tuple((name.replace("__", ":"), n) for name, n in counters.items()))


def of(samples: dict[Sample, float], name: str) -> dict[str, float]:
    """The samples of one metric, by the values of their labels."""
    return {"/".join(v for _, v in labels): x for (n, labels), x in samples.items() if n == f"powerwarden_{name}"}


def test_lateness_is_a_histogram_in_seconds() -> None:
    told = shown(counted(lateness_le__1=3, lateness_le__25=5, lateness_le__inf=6, lateness_sum_ms=1_250))
    assert of(told, "cycle_lateness_seconds_bucket") == {"0.001": 3, "0.025": 5, "+Inf": 6}
    assert of(told, "cycle_lateness_seconds_count") == {"": 6}
    assert of(told, "cycle_lateness_seconds_sum") == {"": 1.25}


def test_decisions_are_one_metric_by_verdict_and_refusals_and_clips_by_rule() -> None:
    told = shown(counted(decisions_granted=7, decisions_refused=2, refused__main_fuse=2, clipped__rating=1))
    assert of(told, "decisions_total") == {"granted": 7, "refused": 2}
    assert of(told, "refusals_total") == {"main_fuse": 2}
    assert of(told, "clips_total") == {"rating": 1}


def test_a_rule_that_never_acted_says_zero_so_that_its_first_time_is_an_increase() -> None:
    rules = (*DESCRIBE.rules, ("permissions.charge", "may"), ("programs.night", "does"))
    told = shown(counted(trips__main_fuse=2), replace(DESCRIBE, rules=rules))
    assert of(told, "trips_total") == {"main_fuse": 2, "cable.wallbox": 0, "cell_cold": 0}
    assert of(told, "trip_active") == {"main_fuse": 0, "cable.wallbox": 0, "cell_cold": 1}


def test_time_in_a_state_is_what_has_ended_and_the_present_stay() -> None:
    told = of(shown(counted(stay_ms__1__0=2_000, stay_ms__1__1=500)), "machine_state_seconds_total")
    assert told["wallbox/unseen"] == 2
    assert told["wallbox/standby"] == 3.5, "3 s now, and half a second before"
    modes = of(shown(counted(mode_ms__normal=4_000)), "house_mode_seconds_total")
    assert (modes["normal"], modes["degraded"], modes["fault"]) == (4, 75, 0)


def test_a_device_and_an_orchestrator_of_one_name_are_two_machines() -> None:
    infos = (MachineInfo("car", "Charger", ("a", "b")), MachineInfo("car", "Orchestrator", ("a", "b")))
    states = (MachineState(0, 1), MachineState(1, 1))
    told = shown(replace(SNAPSHOT, machines=states), replace(DESCRIBE, machines=infos))
    assert of(told, "machine_state") == {
        "car.charger/a": 1,
        "car.charger/b": 0,
        "car.orchestrator/a": 0,
        "car.orchestrator/b": 1,
    }


def test_the_rule_that_binds_is_told_for_each_edge_and_once_where_nothing_is_left() -> None:
    told = of(shown(), "envelope_bound_by")
    assert told == {"hi/main_fuse/wallbox.current_limit": 1, "empty/cell_cold/battery.charge_power": 1}


def test_what_acts_says_since_when_why_and_whether_it_is_latched() -> None:
    trips = (TripInfo("cell_cold", "unknown", "", 4_000), TripInfo("main_fuse", "yes", "danger", 60_000))
    told = of(shown(replace(SNAPSHOT, trips=trips)), "trip_acting_seconds")
    assert told == {"unknown/no/cell_cold": 4, "yes/danger/main_fuse": 60}


def test_a_lease_shows_its_holder_kind_value_age_and_what_remains() -> None:
    told = shown(counted(lease_age_ms__0=8_500))
    assert of(told, "lease_held") == {"homeassistant/live/wallbox.current_limit": 1}
    assert of(told, "lease_value") == {"wallbox.current_limit/A": 10}
    assert of(told, "lease_age_seconds") == {"wallbox.current_limit": 8.5}
    assert of(told, "lease_remaining_seconds")["wallbox.current_limit"] == 21.5


def test_a_request_id_is_no_label() -> None:
    lease = LeaseInfo("wallbox.current_limit", "homeassistant", "live", 1, 1, "what-somebody-sent")
    targets = (replace(SNAPSHOT.targets[0], lease=lease), *SNAPSHOT.targets[1:])
    assert "what-somebody-sent" not in str(shown(replace(SNAPSHOT, targets=targets)))


def test_frames_are_no_defects() -> None:
    assert of(shown(), "bus_defects_total") == {"can0/battery/checksum": 3}
    assert of(shown(), "bus_traffic_total") == {"can0/can0/frames_in": 900}


def test_counters_of_a_newer_guardian_are_shown_by_name() -> None:
    told = shown(counted(brand_new=4, other__thing=2))
    assert of(told, "brand_new_total") == {"": 4}
    assert of(told, "guardian_counts_total") == {"other/thing": 2}


def test_of_an_old_picture_only_its_age_is_told() -> None:
    told = shown(age_ms=FRESH_MS + 1)
    assert of(told, "snapshot_age_seconds") == {"": (FRESH_MS + 1) / 1_000}
    assert not of(told, "house_mode")
    assert not of(told, "target_output")


def test_what_the_gateway_does_not_have_it_does_not_tell() -> None:
    told = shown()
    assert not any("mqtt" in name or "denials" in name or "http" in name or "streams" in name for name, _ in told)
    own = Own(lambda: {("/v1/state", "GET", "2xx"): 4}, lambda: {"who_are_you": 2}, lambda: 3, lambda: False)
    told = shown(own=own)
    assert of(told, "http_requests_total") == {"2xx/GET//v1/state": 4}
    assert of(told, "denials_total") == {"who_are_you": 2}
    assert (of(told, "event_streams"), of(told, "mqtt_connected")) == ({"": 3}, {"": 0})
