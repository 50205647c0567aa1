"""The moment that a person means: ``16:05``, ``2026-11-20T16:05``, ``-10min``. Local times, as the wall shows them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

STEPS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
BACK = re.compile(r"-(\d+(?:\.\d+)?)\s*(s|min|h|d)")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
HELP = "write a time such as 16:05, 2026-11-20T16:05 or -10min"


class WhenError(ValueError):
    """A time that nobody can mean; the text says what would do."""


def moment_of(said: str, now: datetime) -> datetime:
    """The local time that ``said`` means, seen from ``now``. A time of day that is still to come was yesterday's."""
    if match := BACK.fullmatch(said):
        return now - timedelta(seconds=float(match[1]) * STEPS[match[2]])
    if match := CLOCK.fullmatch(said):
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if hour > 23 or minute > 59 or second > 59:
            raise WhenError(f"'{said}' is no time of day; {HELP}")
        at = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return at if at <= now else at - timedelta(days=1)
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise WhenError(f"'{said}' is no time; {HELP}") from None
    at = at.astimezone(now.tzinfo) if at.tzinfo is not None and now.tzinfo is not None else at
    at = at.replace(tzinfo=now.tzinfo) if at.tzinfo is None else at
    if at > now:
        raise WhenError(f"'{said}' is still to come; {HELP}")
    return at
