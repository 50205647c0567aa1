"""The audit of who was turned away: no secret in it, bounded whoever calls, and a log that a flood cannot fill."""

from __future__ import annotations

from conftest import Gateway, bearer
from hypothesis import given
from hypothesis import strategies as st

from supervisor.gateway.denials import LINES_PER_S, MERGE_MS, TEXT_MAX, Denials, Reason

FLOOD = st.lists(
    st.tuples(st.sampled_from(list(Reason)), st.text(max_size=200), st.text(max_size=200), st.integers(0, 30_000)),
    max_size=80,
)


class Watch:
    """A clock in the hand, and what was logged."""

    def __init__(self, ring_max: int = 500) -> None:
        self.now_ms = 0
        self.lines: list[str] = []
        self.denials = Denials(lambda: self.now_ms, self.lines.append, ring_max)


def test_repetitions_within_a_minute_are_one_entry_with_a_count() -> None:
    watch = Watch()
    for second in range(30):
        watch.now_ms = second * 1_000
        watch.denials.deny(Reason.WHO_ARE_YOU, "192.0.2.1", "", f"/v1/{second}")
    (entry,) = watch.denials.recent()
    assert (entry.count, entry.first_ms, entry.last_ms, entry.what) == (30, 0, 29_000, "/v1/29")
    assert len(watch.lines) == 1
    watch.now_ms = MERGE_MS
    watch.denials.deny(Reason.WHO_ARE_YOU, "192.0.2.1")
    assert [entry.count for entry in watch.denials.recent()] == [30, 1]
    assert "29 more like the one before" in watch.lines[1]


def test_one_caller_with_many_paths_does_not_wash_the_others_out() -> None:
    watch = Watch(ring_max=3)
    watch.denials.deny(Reason.LOCKED_OUT, "192.0.2.9")
    for number in range(1_000):
        watch.denials.deny(Reason.NOT_FOUND, "192.0.2.1", "", f"/{number}")
    assert [entry.reason for entry in watch.denials.recent()] == [Reason.LOCKED_OUT, Reason.NOT_FOUND]


def test_a_flood_does_not_fill_the_log_and_what_was_left_out_is_said() -> None:
    watch = Watch()
    for number in range(1_000):
        watch.denials.deny(Reason.BOUND_SLOW, f"192.0.2.{number}")
    assert len(watch.lines) == LINES_PER_S
    watch.now_ms = 1_000
    watch.denials.deny(Reason.BOUND_SLOW, "198.51.100.1")
    assert f"{1_000 - LINES_PER_S} others were not logged" in watch.lines[-1]
    assert watch.denials.totals()[Reason.BOUND_SLOW] == 1_001


@given(flood=FLOOD)
def test_everything_stays_bounded_printable_and_counted(flood: list[tuple[Reason, str, str, int]]) -> None:
    watch = Watch(ring_max=10)
    for reason, where, what, step in flood:
        watch.now_ms += step
        watch.denials.deny(reason, where, what, what)
    assert sum(watch.denials.totals().values()) == len(flood)
    assert len(watch.denials.recent()) <= 10
    assert len(watch.denials._newest) <= 10
    for line in watch.lines:
        assert line.isprintable()
        assert line.isascii()
        assert len(line) < 4 * TEXT_MAX + 200


def test_every_reason_is_there_before_it_happens() -> None:
    """A counter that appears with its first count hides that count from who looks at its growth."""
    assert Denials().totals() == dict.fromkeys(Reason, 0)


def test_an_answer_over_http_is_counted_by_its_code_and_a_trouble_of_ours_is_no_denial() -> None:
    watch = Watch()
    watch.denials.deny_problem(401, "who_are_you", "192.0.2.1")
    watch.denials.deny_problem(418, "teapot", "192.0.2.1")
    watch.denials.deny_problem(503, "guardian_absent", "192.0.2.1")
    counted = {reason: count for reason, count in watch.denials.totals().items() if count}
    assert counted == {Reason.WHO_ARE_YOU: 1, Reason.REFUSED: 1}


def test_each_denial_over_http_is_in_the_audit_without_a_token_a_query_or_a_body(gateway: Gateway) -> None:
    before = gateway.denials.totals()
    gateway.put("heater.relay", b"secret-body", "secret-token", dry_run="secret-query")
    gateway.http.get("/secret?token=secret-query")
    gateway.http.delete("/v1/state")
    gateway.put("nothing", b"secret-body", "nodered")
    gateway.put("heater.relay", b"secret-body", "nodered")
    gateway.put("heater.relay", b"a" * 10_000, "nodered")
    grown = {reason: n - before[reason] for reason, n in gateway.denials.totals().items() if n != before[reason]}
    wanted = (
        *(Reason.WHO_ARE_YOU, Reason.NOT_FOUND, Reason.METHOD_NOT_ALLOWED),
        *(Reason.UNKNOWN_TARGET, Reason.BAD_BODY, Reason.TOO_LARGE),
    )
    assert grown == dict.fromkeys(wanted, 1)
    shown = str(gateway.denials.shown())
    assert "'/secret'" in shown
    for secret in ("secret-token", "secret-query", "secret-body"):
        assert secret not in shown


def test_a_denial_of_somebody_known_names_him(gateway: Gateway) -> None:
    watch = Watch()
    watch.denials.deny_problem(429, "too_often", "192.0.2.1", "nodered", "/v1/heartbeat")
    assert watch.denials.shown()["recent"][0]["who"] == "nodered"
    assert "turned away nodered at 192.0.2.1: too_often (/v1/heartbeat)" in watch.lines
    assert bearer("nodered")["authorization"] not in watch.lines[0]
