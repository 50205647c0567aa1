"""How many requests there were and what became of them: a sum that is exact, also in a flood.

``requests_total`` = granted + clipped + done + refused, and refused = the sum over its reasons, at the end of every
cycle; clipped likewise. A reason is the rule that refused or clipped; what is no rule of this house or of this program
counts as "other", so the number of counters is bounded by the documents, never by what is asked.
"""

from __future__ import annotations

from supervisor.guardian.record import reason
from supervisor.kernel.lease import Clause, Decision, Verdict
from supervisor.kernel.plan import Plan

BUSY = "guardian.busy"
FIXED = (
    *("request.age", "request.duration", "request.kind", "request.number", "request.rate", "request.start"),
    *("request.rate_of_all", "identity.role", "identity.shared"),
    *("request.unit", "request.value", "identity.local", "identity.unknown", "target.unknown", "permission.none"),
    *("lease.held", "lease.none", "local.reset", "local.maintenance", "house.observe", "rating", "step"),
    *("latch.none", "latch.danger", "latch.cause", "latch.unknown", "latch.used_up", "journal.failing", BUSY),
    *("acknowledge.age", "acknowledge.key", "acknowledge.rate", "acknowledge.replay", "acknowledge.signature"),
)
OTHER = "other"


def rules(plan: Plan) -> frozenset[str]:
    """Everything in this house that may refuse, by its id."""
    ids = set(FIXED)
    for field in plan.__struct_fields__:
        rows = getattr(plan, field)
        if isinstance(rows, tuple):
            ids |= {row.id for row in rows if isinstance(getattr(row, "id", None), str)}
    ids |= {circuit.curve.id for circuit in plan.circuits if circuit.curve is not None}
    if plan.grid is not None:
        ids |= {row.id for row in (plan.grid.export, plan.grid.dimming) if row is not None}
    return frozenset(ids | {hand.id for hand in plan.local.hands})


class Tally:
    def __init__(self, plan: Plan) -> None:
        self._rules = rules(plan)
        self._total = 0
        self._verdicts = dict.fromkeys((verdict.value for verdict in Verdict), 0)
        self._reasons: dict[str, int] = {}
        self._clips: dict[str, int] = {}

    def asked(self) -> None:
        """A request has come."""
        self._total += 1

    def decided(self, decision: Decision) -> None:
        """A request has got its answer."""
        self._verdicts[decision.verdict.value] += 1
        if decision.verdict is Verdict.REFUSED:
            rule = reason(decision)
            rule = rule if rule in self._rules else OTHER
            self._reasons[rule] = self._reasons.get(rule, 0) + 1
        elif decision.verdict is Verdict.CLIPPED:
            rule = next((clause.rule for clause in decision.clauses if clause.effect == "clips"), "")
            rule = rule if rule in self._rules else OTHER
            self._clips[rule] = self._clips.get(rule, 0) + 1

    def counters(self) -> dict[str, int]:
        """By name, as a snapshot carries them."""
        verdicts = {f"decisions_{verdict}": count for verdict, count in self._verdicts.items()}
        told = {"requests_total": self._total, **verdicts}
        told |= {f"refused:{rule}": count for rule, count in self._reasons.items()}
        return told | {f"clipped:{rule}": count for rule, count in self._clips.items()}


def busy(seq: int) -> Decision:
    """The answer to a request for which this cycle has no place."""
    clause = Clause(BUSY, "refuses", "too many requests in one cycle; try again")
    return Decision(seq, Verdict.REFUSED, -1, None, (clause,), None)
