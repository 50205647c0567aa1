"""Whatever is asked, in whatever name: the network gets no more than its cap, and replays to the byte (hazard H14)."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_network import (
    HOUR_MS,
    MINUTE_MS,
    house,
    longest_run,
    name_of,
    row,
)
from kernel_toys import Run, ask, replace, settled

from supervisor.kernel.cycle import step
from supervisor.kernel.lease import Request, Verb, Verdict
from supervisor.kernel.slots import SLOTS

# ---- of anything that may be asked -----------------------------------------------------------------------------------
HARD = house(row(per_min=9, hi=12_000, longest_ms=2 * MINUTE_MS, rest_ms=20_000, per_hour=30))
BRISK = house(row(per_min=9, hi=12_000, longest_ms=8_000, rest_ms=3_000, per_hour=30))


def random_wish(dice: random.Random, run: Run) -> Request:
    verb = dice.choice((Verb.SET,) * 8 + (Verb.RENEW,) * 3 + (Verb.RELEASE, Verb.STOP, Verb.HEARTBEAT))
    kind = dice.choice(("live", "setting", "program"))
    return ask(
        verb,
        dice.choice(("anna", "ben", "cara", "dora")),
        dice.randrange(-4_000, 20_000, 500),
        run.now_ms,
        kind=kind,
        duration_ms=dice.choice((None, 500, 30_000, 12 * HOUR_MS)),
        request_id=dice.choice(("", "", f"{dice.random()}")),
        received_ms=run.now_ms - dice.choice((0, 0, 0, 900, -900, 5_000)),
        starts_in_ms=dice.choice((None, None, 5_000, 60_000)) if kind == "program" else None,
        number=dice.choice((None, None, dice.randrange(50))),
        dry_run=dice.random() < 0.1,
    )


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_whatever_is_asked_in_whatever_name_the_network_gets_no_more_than_its_cap(seed: int) -> None:
    dice, run = random.Random(seed), settled(HARD)
    raised: list[int] = []
    seen: list[tuple[int, int]] = []
    for _ in range(300):
        lease, had = run.state.targets[0].lease, run.state.targets[0].output or 0
        wish, at_ms = random_wish(dice, run), run.now_ms
        (decision,) = run.cycle(wish).decisions
        assert decision.value is None or 0 <= decision.value <= 12_000
        if wish.verb in (Verb.STOP, Verb.RELEASE) and wish.identity != "dora":
            assert decision.verdict is Verdict.DONE
        got = decision.value or 0 if decision.lease is not None and not wish.dry_run else 0
        if got > max(had, 0 if lease is None else lease.value):
            raised.append(at_ms)
        seen.append((at_ms, run.state.targets[0].output or 0))
        run.now_ms = at_ms + dice.choice((5, 5, 5, 50, 400, 3_000, 25_000))
    for at_ms in raised:
        assert sum(at_ms - MINUTE_MS < other <= at_ms for other in raised) <= 9
    assert max(output for _, output in seen) <= 12_000
    assert longest_run(seen, 20_000) <= 2 * MINUTE_MS


@settings(max_examples=25)
@given(st.integers(0, 10**9))
def test_every_cycle_or_only_those_that_are_due_come_to_the_same(seed: int) -> None:
    """The cap changes nothing by time alone that the wake-up does not name."""
    dice = random.Random(seed)
    every, due = settled(BRISK), settled(BRISK)
    for _ in range(12):
        wish, until_ms = random_wish(dice, every), every.now_ms + dice.choice((500, 3_000, 9_000))
        every.cycle(wish)
        due.cycle(wish)
        while every.now_ms < until_ms:
            every.cycle()
        while due.now_ms < until_ms:
            assert due.result is not None
            last_ms = due.now_ms - 50
            due.now_ms = min(last_ms + -(-max(due.result.wake_ms - last_ms, 50) // 50) * 50, until_ms)
            if due.now_ms < until_ms:
                due.cycle()
        assert replace(every.state, cycle=0, now_ms=0) == replace(due.state, cycle=0, now_ms=0)


def test_the_state_of_the_cap_stays_small_and_goes_through_a_checkpoint() -> None:
    import msgspec

    from supervisor.kernel.state import State

    run = settled(house(row(per_min=900, per_hour=900)))
    for turn in range(1_500):
        run.cycle(ask(Verb.SET, name_of(run, turn), 6_000 + 1_000 * (turn % 7), run.now_ms, kind="setting"))
        run.now_ms += 4_000
    assert len(run.state.asked) <= SLOTS + 1
    remote = run.state.targets[0].remote
    assert remote is not None
    assert len(remote.changes) <= SLOTS + 1
    again = msgspec.json.decode(msgspec.json.encode(run.state), type=State)
    assert again == run.state
    wish = ask(Verb.SET, "ben", 16_000, run.now_ms, kind="setting")
    assert step(run.plan, again, run.image, (wish,), run.now_ms) == step(
        run.plan, run.state, run.image, (wish,), run.now_ms
    )
