"""What would be answered now: dry-run requests to the kernel, in the name of each identity that may speak.

Nothing here guesses what a permission or an envelope would allow: the kernel is asked, in a cycle that is thrown away.
"""

from __future__ import annotations

from typing import NamedTuple

from supervisor.explain.words import Words
from supervisor.kernel.cycle import step
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Decision, Kind, Request, Verb, Verdict
from supervisor.kernel.plan import Target


class Ask(NamedTuple):
    """One wish, and what the kernel says to it."""

    identity: str
    value: int
    decision: Decision

    @property
    def granted(self) -> bool:
        return self.decision.verdict in (Verdict.GRANTED, Verdict.CLIPPED)


def answers(words: Words, position: int) -> list[Ask]:
    """For each identity: its widest wishes for this target, and the answers. Granted ones come first."""
    target = words.plan.targets[position]
    found = [
        Ask(identity.name, value, _tried(words, target, identity.name, value, (said.number or 0) + 1))
        for identity, said in zip(words.plan.identities, words.moment.state.orchestrators, strict=True)
        if identity.role != LOCAL
        for value in wishes(target)
    ]
    return sorted(found, key=lambda ask: not ask.granted)


def wishes(target: Target) -> list[int]:
    """What is worth asking for: the far ends of what it can do; of a changeover each place."""
    if target.changeover is not None:
        return [value for value in range(target.lo, target.hi + 1) if value != target.safe]
    return [value for value in (target.hi, target.lo) if value != target.safe]


def _tried(words: Words, target: Target, identity: str, value: int, number: int) -> Decision:
    moment = words.moment
    request = Request(
        seq=0,
        verb=Verb.SET,
        identity=identity,
        target=target.id,
        value=value,
        unit=target.unit.value,
        kind=Kind.SETTING,
        duration_ms=None,
        request_id="",
        received_ms=moment.now_ms,
        dry_run=True,
        number=number,
    )
    return step(words.plan, moment.state, moment.image, (request,), moment.now_ms).decisions[0]
