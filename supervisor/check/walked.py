"""The finding about the commissioning walk: does its record lie beside site.yaml, and hold for these documents?

It must never say that a site was walked because a file is there: the record's digest and verdict count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from supervisor.check.finding import Spot
from supervisor.check.survey import Survey
from supervisor.walk import record


def not_walked(survey: Survey) -> Iterator[Spot]:
    """Houses of simulated devices alone need no walk."""
    if all(bus.simulated for bus in survey.site.buses):
        return
    item = survey.at("site")
    if lacks := record.lacks(survey.loaded.site.digest, Path(item.file).parent):
        yield Spot(item, lacks)
