"""Rates: how many wishes an identity may utter under a permission in a minute.

A bucket that is paid in time: each wish takes its share of the minute, and a whole minute may be spent at once. It is
kept as the time until which all wishes are paid for, so nothing has to be counted while nobody asks.
"""

from __future__ import annotations

from supervisor.kernel.plan import Plan

MINUTE_MS = 60_000
Due = tuple[tuple[int, int], ...]


def spend(plan: Plan, position: int, holder: int, due: Due, now_ms: int) -> tuple[Due, str]:
    """One wish of ``holder`` for target ``position``: the new ``due`` times by permission, and why he has to wait
    ("" when he has not). The strictest rate that names him for this target counts."""
    rated = [
        (index, permission)
        for index, permission in enumerate(plan.permissions)
        if permission.per_min is not None and permission.target == position and holder in permission.identities
    ]
    if not rated:
        return due, ""
    paid = dict(due)
    for index, permission in rated:
        share_ms = -(-MINUTE_MS // (permission.per_min or 1))  # rounded up: never more than the rate
        until_ms = max(paid.get(index, now_ms), now_ms) + share_ms
        if until_ms - now_ms > MINUTE_MS:
            wait_s = -(-(until_ms - now_ms - MINUTE_MS) // 1000)
            text = f"{permission.id} allows {permission.per_min} wishes a minute; ask again in {wait_s} s"
            return due, text
        paid[index] = until_ms
    return tuple(sorted((index, until_ms) for index, until_ms in paid.items() if until_ms > now_ms)), ""
