"""A request, taken literally or refused: nothing in it is guessed, nothing old is believed.

The only place that raises :class:`Refusal` without having looked at a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Clause, Kind, Lease, Request, Verb
from supervisor.kernel.permission import Around
from supervisor.kernel.plan import Identity, Target
from supervisor.kernel.saw import Saw
from supervisor.kernel.span import tighter
from supervisor.kernel.state import TargetState

REQUEST_AGE_MAX_MS = 1_000  # a wish older than this was held up somewhere and may no longer be meant
AHEAD_MAX_MS = 24 * 3_600_000  # a program further ahead than this would be forgotten by whoever set it
ASKS = "orchestrator"
"""The role of those on the network that may ask for something."""
DURATION_DEFAULT_MS: Mapping[Kind, int] = {
    Kind.LIVE: 30_000,
    Kind.SETTING: 4 * 3_600_000,
    Kind.PROGRAM: 3_600_000,
}


class Refusal(Exception):
    """Raised while a request is judged, and caught there; carries the one clause that refuses."""

    def __init__(self, rule: str, text: str, seen: Saw = ()) -> None:
        super().__init__(text)
        self.clause = Clause(rule, "refuses", text, seen)


class Wish(NamedTuple):
    """A request, read. ``ahead_ms``: until it begins. ``lowers``: its sender holds the target and asks for less."""

    kind: Kind
    asked: int
    duration_ms: int
    ahead_ms: int
    lowers: bool


def unspoken(identity: Identity, request: Request, local: bool) -> tuple[str, str] | None:
    """Why this identity cannot say this at all, (rule, text); None when it can. A stop and a release always can."""
    if not local and identity.role == LOCAL:
        return "identity.local", "only somebody in the house can speak in this name"
    if request.verb not in (Verb.SET, Verb.RENEW):
        return None
    if identity.role not in (ASKS, LOCAL):
        return "identity.role", f"{identity.name} has the role {identity.role}, which looks and stops, and asks nothing"
    if identity.shared and request.verb is Verb.RENEW:
        text = "several clients use this name, and nobody knows whose lease this one renews; set a value instead"
        return "identity.shared", text
    if identity.shared and request.kind == Kind.PROGRAM:
        return "identity.shared", "several clients use this name, so nobody answers for a program; set a value instead"
    return None


def read(around: Around, request: Request, state: TargetState) -> Wish:
    """A request, taken literally or refused."""
    if request.duration_ms is not None and request.duration_ms <= 0:
        raise Refusal("request.duration", "a duration is a positive number")
    lease = state.lease
    if request.verb is Verb.RENEW:
        _in_time(request, around.now_ms)
        if lease is None or lease.holder != around.holder:
            raise Refusal("lease.none", "there is no lease of yours on this target to renew; set a value instead")
        lasted_ms = lease.expires_ms - max(lease.granted_ms, lease.starts_ms)
        return Wish(lease.kind, lease.asked, request.duration_ms or lasted_ms, 0, False)
    target = around.plan.targets[around.position]
    if request.unit != target.unit.value:
        raise Refusal("request.unit", f"{target.id} is set in {target.unit.value}, not in {request.unit or 'nothing'}")
    if request.kind not in tuple(Kind):
        raise Refusal("request.kind", f"a lease is {', '.join(map(str, Kind))}, not {request.kind!r}")
    if request.value is None or not -(2**53) < request.value < 2**53:
        raise Refusal("request.value", "the value is missing or is no number")
    kind = Kind(request.kind)
    ahead_ms = request.starts_in_ms or 0
    if ahead_ms and kind is not Kind.PROGRAM:
        raise Refusal("request.start", f"only a program starts later; a {kind.value} lease starts when it is granted")
    if not 0 <= ahead_ms <= AHEAD_MAX_MS:
        raise Refusal("request.start", f"a program starts within {AHEAD_MAX_MS // 3_600_000} h")
    less = not ahead_ms and lowers(target, lease, around.holder, request.value)
    if not less:
        _in_time(request, around.now_ms)
    return Wish(kind, request.value, request.duration_ms or DURATION_DEFAULT_MS[kind], ahead_ms, less)


def _in_time(request: Request, now_ms: int) -> None:
    if not 0 <= now_ms - request.received_ms <= REQUEST_AGE_MAX_MS:
        raise Refusal("request.age", f"the request is older than {REQUEST_AGE_MAX_MS} ms; send it again")


def lowers(target: Target, lease: Lease | None, holder: int, asked: int) -> bool:
    """Does whoever holds this target ask for less than he has? Of a changeover, only the safe position is less."""
    if lease is None or lease.holder != holder:
        return False
    if target.changeover is not None:
        return asked == target.safe
    return asked != lease.value and tighter(asked, lease.value, target.safe)
