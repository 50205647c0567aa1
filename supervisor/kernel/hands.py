"""The local hand: what somebody in the house presses or turns becomes a wish, a reset, or maintenance.

Rules
* Only an edge counts: an input that was known to be released and is now known to be pressed. What is found pressed
  after a start, or after it was out of sight, is no press.
* A hand's wish goes through the same door as everybody's: trips, circuits and stops bind it, permissions and leases
  record it. It only goes before all other identities.
* Maintenance begins when its key says so and ends only when the key is known to be back.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.lease import Kind, Request, Verb
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, UNKNOWN, YES, Answer, Image, Question
from supervisor.kernel.state import LocalState, State
from supervisor.kernel.switchgear import Hand

LOCAL = "local"
"""The role of a hand's identity; the network cannot speak in its name."""


class Local(msgspec.Struct, frozen=True):
    """What the local hand did in this cycle."""

    state: LocalState
    reset: bool
    requests: tuple[Request, ...]
    events: tuple[Event, ...]


def look(plan: Plan, state: State, image: Image, now_ms: int) -> Local:
    """The local hand in this cycle."""
    before = state.local
    reset = _answer(plan.local.reset, image, now_ms)
    hands = tuple(_answer(hand.question, image, now_ms) for hand in plan.local.hands)
    key = _answer(plan.local.maintenance, image, now_ms)
    maintenance = key is YES or (before.maintenance and key is not NO)
    events: list[Event] = []
    was_reset = before.reset is NO and reset is YES
    if was_reset:
        events.append(Event(now_ms, EventKind.LOCAL, "local.reset", "somebody in the house resets what may be reset"))
    if maintenance is not before.maintenance:
        text = "begins: its contactors stay open" if maintenance else "ends: its contactors wait for a local reset"
        events.append(Event(now_ms, EventKind.LOCAL, "local.maintenance", f"maintenance {text}"))
    requests: list[Request] = []
    for hand, was, answer in zip(plan.local.hands, before.hands, hands, strict=True):
        if was is NO and answer is YES:
            wishes = _wishes(plan, hand, state, now_ms)
            lets_go = wishes[0].verb is Verb.RELEASE
            text = "pressed again: it lets go of what it held" if lets_go else f"pressed: {hand.why}"
            events.append(Event(now_ms, EventKind.LOCAL, hand.id, text))
            requests.extend(wishes)
    after = LocalState(reset, maintenance, hands)
    return Local(before if after == before else after, was_reset, tuple(requests), tuple(events))


def _answer(question: Question | None, image: Image, now_ms: int) -> Answer:
    return UNKNOWN if question is None else question.ask(image, now_ms, True)


def _wishes(plan: Plan, hand: Hand, state: State, now_ms: int) -> list[Request]:
    """All orders of this hand; or, where it holds one of them already, the release of all."""
    leases = [state.targets[target].lease for target, _ in hand.orders]
    again = any(lease is not None and lease.holder == hand.identity for lease in leases)
    name = plan.identities[hand.identity].name
    return [
        Request(
            seq=0,
            verb=Verb.RELEASE if again else Verb.SET,
            identity=name,
            target=plan.targets[target].id,
            value=None if again else value,
            unit="" if again else plan.targets[target].unit.value,
            kind="" if again else Kind.SETTING,
            duration_ms=None if again else hand.for_ms,
            request_id="",
            received_ms=now_ms,
            dry_run=False,
        )
        for target, value in hand.orders
    ]
