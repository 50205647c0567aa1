"""The houses of the soak, as their own documents describe them: what may be closed with what, and what a person does.

Rules: every figure here repeats the site's document that is named beside it, and nothing is looser than it. `edits`
make hours of a house's life fit into three minutes: they shorten waiting times, and let a year's switching happen in
one day, but they move no limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hil.house import find, load
from hil.scenario.model import Event, Scenario

POLICIES = Path(__file__).parents[2] / "policies"
_SOON = {  # half a minute of nobody's word is as long as a minute, and so is a cause that has gone
    "late: 20 s": "late: 8 s",
    "lost: 60 s": "lost: 25 s",
    "clear: 60 s": "clear: 20 s",
    "hold: 5 s, ramp: 2 A/s}": "hold: 5 s, ramp: 2 A/s, hunting: {dwell: 10 s}}",  # 2 min (docs/setpoints.md)
}


@dataclass(frozen=True)
class Yard:
    """One house. ``together``: pairs of coils that exclude each other; ``idle``: coils that nobody may ask for;
    ``rated``: whether its contactors may break a load; ``switch``: target and positions of its changeover, the home one
    first, with the contacts of each; ``dark``: devices that may be out of sight in a house that is well."""

    name: str
    who: str  # asks in the recovery, and has the right to
    ampere_max: int  # rating of the wallbox
    program_a: int  # the most that a program gives without a wish
    together: tuple[tuple[int, int], ...] = ()
    idle: tuple[int, ...] = ()
    rated: bool = True
    switch: str = ""
    positions: Mapping[str, tuple[int, ...]] | None = None
    asymmetry: bool = False
    reset: bool = True  # has the button that ends latches
    meters: tuple[str, ...] = ("meter",)  # at the grid
    flow: tuple[tuple[str, ...], ...] = ()  # who witnesses a zero before a contact opens, and who contradicts
    dark: tuple[str, ...] = ()
    edits: Mapping[str, str] | None = None

    @property
    def contacts(self) -> tuple[int, ...]:
        """Those that anything can be asked of."""
        return tuple(sorted({at for closed in (self.positions or {"": (1,)}).values() for at in closed}))


YARDS = (
    Yard(  # policies/rebundling: string_b and string_c exclude 8 from 5 and 6; coils 1 to 4 are not used
        "rebundling",
        who="phone",
        ampere_max=32,
        program_a=0,
        together=((5, 8), (6, 8), (5, 7), (6, 7)),
        idle=(1, 2, 3, 4),
        rated=False,
        switch="bundle.position",
        positions={"house": (5, 6), "car": (7, 8)},
        asymmetry=True,
        flow=(("pvmeter",), ("inverter2", "inverter3", "inverter4")),
        dark=("inverter2", "inverter3", "inverter4"),  # `optional`: dark without its string
        edits={
            **_SOON,
            "per_hour: 6,": "per_hour: 60,",
            "dwell: 10 min": "dwell: 15 s",
            "changes: 6 per h": "changes: 60 per h",
        },
    ),
    Yard(  # policies/uc001: all contactors are rated; permission.none names coils 2 to 4
        "uc001", who="phone", ampere_max=16, program_a=6, idle=(2, 3, 4), reset=False, edits=_SOON
    ),
    Yard(  # policies/wallbox_phases: coils 1 and 2 have no breaks_load; 3 and 4 are not used
        "wallbox_phases",
        who="phone",
        ampere_max=16,
        program_a=6,
        idle=(3, 4),
        rated=False,
        switch="phases.position",
        positions={"one": (1,), "three": (1, 2)},
        asymmetry=True,
        flow=(("feed",), ("wallbox",)),
        edits={
            **_SOON,
            "per_hour: 12": "per_hour: 60",
            "dwell: 7 min": "dwell: 15 s",
            "changes: 10 per h": "changes: 60 per h",
        },
    ),
    Yard(  # policies/island: KG and KI exclude each other, and both break the house's load (breaks_load: 5 s)
        "island",
        who="optimiser",
        ampere_max=16,
        program_a=0,
        together=((1, 2),),
        idle=(4,),
        switch="supply.position",
        positions={"grid": (1,), "island": (3, 2)},
        meters=("gridmeter",),
        edits={**_SOON, "changes: 4 per h": "changes: 60 per h"},
    ),
)
TURNS = (0, 1, 0, 2, 0, 3)  # half of the seeds go to the house that has every kind of machine
BY_NAME = {yard.name: yard for yard in YARDS}


def scenario(yard: Yard, seed: int, length_ms: int, show: tuple[str, ...]) -> Scenario:
    """The house with its documents, without a timeline: what happens is decided while it runs."""
    path = find(yard.name)
    return Scenario(
        name=f"soak {seed}",
        title=f"soak of {yard.name}, seed {seed}",
        why="",
        path=path,
        house_path=path,
        house=load(path),
        site=POLICIES / yard.name,
        hazards=(),
        benches=("virtual",),
        seed=seed,
        wall="2026-06-21T12:00",
        length_ms=length_ms,
        events=tuple[Event, ...](),
        expectations=(),
        show=show,
        edits=dict(yard.edits or {}),
    )
