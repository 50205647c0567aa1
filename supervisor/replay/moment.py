"""The house at one moment of a journal: all that ``explain`` needs to say what was so, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from supervisor.guardian.record import Checkpoint, Head, Record, read, unfolded
from supervisor.guardian.scribe import CHECKPOINT_MS
from supervisor.guardian.segment import ends
from supervisor.kernel.event import Event
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.question import Image
from supervisor.kernel.state import State
from supervisor.loader.load import Loaded
from supervisor.replay.player import Player, documents
from supervisor.replay.reader import Anchor, JournalError, Reading, anchor, found, local
from supervisor.replay.verify import CONTIGUOUS

EVENTS_MAX = 1_000
QUIET_MAX_MS = CHECKPOINT_MS + 60_000  # a running guardian writes something sooner than this


@dataclass(frozen=True)
class Moment:
    """``state`` after its last cycle until then, ``image`` the readings of that cycle, ``outputs`` what was said.
    ``now_ms`` monotonic, ``wall`` the same as local time in ISO 8601, for people. ``events``: those before, newest
    last. ``live``: the journal ends here, so this is now. ``exact``: False where the journal was short of bytes: then
    it is the last checkpoint before the moment, and ``now_ms`` and ``wall`` are that one's."""

    loaded: Loaded
    state: State
    image: Image
    outputs: Outputs
    now_ms: int
    wall: str
    events: tuple[Event, ...]
    live: bool
    exact: bool = True


@dataclass(frozen=True)
class Place:
    """A segment and its head."""

    path: Path
    head: Head

    @property
    def begins(self) -> datetime:
        return anchor(self.head).wall


def moment(folder: Path, at: datetime | None = None) -> Moment:
    """The house at ``at`` (local time where it says no zone; None: the newest that is known). ``folder``: a journal or
    one segment. Reads one or two segments and replays at most five minutes. Raises ReplayError."""
    places = [Place(path, head) for path in found(folder) if (head := Reading(path).head()) is not None]
    if not places:
        raise JournalError(folder, 1, "nothing has been written yet; try again in a second")
    wanted = at.astimezone() if at is not None else None
    before = [place for place in places if wanted is None or place.begins <= wanted]
    if not before:
        raise JournalError(folder, 1, _nothing(places, wanted))
    place = before[-1]
    after = places[len(before)] if len(before) < len(places) else None
    sought = _seek(place, wanted)
    if wanted is not None and not _covers(sought, after):
        raise JournalError(folder, 1, _nothing(places, wanted))
    events: deque[Event] = deque(maxlen=EVENTS_MAX)
    if len(before) > 1 and place.head.reason in CONTIGUOUS:
        events.extend(event for item in _items(before[-2].path) if isinstance(item, Record) for event in item.e)
    return _played(place, sought, events, live=wanted is None)


@dataclass
class Sought:
    """Where to begin, what to play from there, and until when (None: all there is). ``past``: something came after
    that moment in the same segment."""

    start: Head | Checkpoint
    clock: Anchor
    until_ms: int | None
    cycles: list[Record]
    events: list[Event]
    last_ms: int
    past: bool = False


def _items(path: Path) -> Iterator[Head | Record | Checkpoint]:
    return (line.item() for line in Reading(path).lines())


def _seek(place: Place, wanted: datetime | None) -> Sought:
    """The last head or checkpoint before the moment, and the cycles from there to it."""
    clock = anchor(place.head)
    until_ms = clock.ms(wanted) if wanted is not None else None
    sought = Sought(place.head, clock, until_ms, [], [], place.head.t)
    for item in _items(place.path):
        if isinstance(item, Checkpoint) and (sought.until_ms is None or item.t <= sought.until_ms):
            sought.start, sought.clock, sought.cycles = item, anchor(item), []
            sought.until_ms = sought.clock.ms(wanted) if wanted is not None else None
        elif isinstance(item, Record):
            for one in unfolded(item):
                if sought.until_ms is not None and one.t > sought.until_ms:
                    sought.past = True
                    return sought
                sought.cycles.append(one)
                sought.events.extend(one.e)
                sought.last_ms = one.t
    return sought


def _covers(sought: Sought, after: Place | None) -> bool:
    """Was the guardian there at that moment? A quiet house writes little, but never nothing for long."""
    if sought.past or sought.until_ms is None or (after is not None and after.head.reason in CONTIGUOUS):
        return True
    return sought.until_ms - sought.last_ms <= QUIET_MAX_MS


def _played(place: Place, sought: Sought, events: deque[Event], live: bool) -> Moment:
    player = Player(documents(place.head), sought.start)
    events.extend(sought.events)
    if not place.head.lean:
        for one in sought.cycles:
            player.cycle(one)
    until_ms = sought.until_ms if sought.until_ms is not None and not place.head.lean else player.state.now_ms
    result = player.result
    if result is None or until_ms > player.state.now_ms:  # a quiet cycle, such as ran then and was not worth a line
        result = player.quiet(until_ms)
    now_ms = result.state.now_ms
    return Moment(
        loaded=player.loaded,
        state=result.state,
        image=player.image,
        outputs=result.outputs,
        now_ms=now_ms,
        wall=sought.clock.at(now_ms).astimezone().isoformat(timespec="seconds"),
        events=tuple(events),
        live=live,
        exact=not place.head.lean,
    )


def _nothing(places: list[Place], wanted: datetime | None) -> str:
    """What there is instead of the moment that was asked for."""
    runs: list[list[Place]] = []
    for place in places:
        if runs and place.head.reason in CONTIGUOUS:
            runs[-1].append(place)
        else:
            runs.append([place])
    spans = ", ".join(f"{local(run[0].begins)} to {local(_end(run[-1]))}" for run in runs[-8:])
    asked = f"nothing is recorded at {local(wanted)}" if wanted is not None else "nothing is recorded"
    return f"{asked}; this journal has {'the last of them ' if len(runs) > 8 else ''}{spans}"


def _end(place: Place) -> datetime:
    """When a segment's last line was written."""
    item = read(ends(place.path)[1])
    if isinstance(item, Checkpoint):
        return anchor(item).wall
    return anchor(place.head).wall + timedelta(milliseconds=max(item.t - place.head.t, 0))
