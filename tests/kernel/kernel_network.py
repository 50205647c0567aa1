"""Houses in which the network as a whole is bounded, and what a captured gateway does to them."""

from __future__ import annotations

from kernel_toys import ALLOWED, IDENTITIES, QUICK, Run, plan, replace

from supervisor.kernel.lease import Decision, Verdict
from supervisor.kernel.plan import MODES, Network, Plan, Reach

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
LONGEST_MS, REST_MS = 10 * MINUTE_MS, MINUTE_MS
ALL = "network.all"
ALWAYS = frozenset(range(len(MODES)))
CALM = tuple(replace(identity, expected=False, late_ms=10**8, lost_ms=10**9) for identity in IDENTITIES)
"""Nobody is ever lost, so that only the cap ends anything."""
FREE = replace(ALLOWED, modes=ALWAYS, max_ms=12 * HOUR_MS)


def row(per_min: int | None = None, closed: bool = True, name: str = ALL, **changes: object) -> Network:
    reach = replace(Reach(0, 0, 16_000), **changes)
    return Network(name, "all that a captured gateway gets", per_min, (reach,), closed)


def house(*rows: Network, **changes: object) -> Plan:
    """One box that does at once what it is told, and may be set by anna, ben and cara for twelve hours."""
    parts: dict[str, object] = {"targets": (QUICK,), "permissions": (FREE,), "identities": CALM, "network": rows}
    return plan(**(parts | changes))


def reason(decision: Decision) -> tuple[str, str]:
    assert decision.verdict is Verdict.REFUSED, decision
    clause = next(clause for clause in decision.clauses if clause.effect == "refuses")
    return clause.rule, clause.text


def name_of(run: Run, turn: int) -> str:
    return run.plan.identities[turn % 3].name


def longest_run(seen: list[tuple[int, int]], rest_ms: int) -> int:
    """For how long it was on without having been off for ``rest_ms`` in between."""
    worst, began, off_since = 0, None, None
    for at_ms, output in seen:
        if output == 0:
            off_since = at_ms if off_since is None else off_since
            continue
        if began is None or (off_since is not None and at_ms - off_since >= rest_ms):
            began = at_ms
        off_since = None
        worst = max(worst, at_ms - began)
    return worst
