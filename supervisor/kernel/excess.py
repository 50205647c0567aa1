"""What a feed draws beyond what it was told: a car that takes a tenth more than its wallbox offers.

Theory of operation
* A feed has the time that its driver promises for following. So a reading is held against the most that the feed was
  told in that time before the reading: whoever was told less and comes down is no offender, and meters that are not
  read in the same instant accuse nobody.
* Readings beyond that, and beyond the accuracy of a meter, for the same time again without a break: it takes more.
  From then on each pair of readings tells how much, the smaller one counts. A rush and one odd reading are none.
* The most that was found is reckoned until nothing like it was seen for :data:`FORGET_MS`, as an amount or as a share.
  A car that takes a tenth more takes less too much of a smaller offer: if that gave it more again, its offer would
  go up and down. So it stays a little lower than it would have to be.
* What is told nothing and draws is no question of how much it is offered; nothing is learnt from it.
* Only a reading makes somebody an offender, and only a later reading, never silence, makes him one no longer.

So nothing here changes by time alone, and the same reading looked at twice changes nothing. Amounts in mA, times in ms.
The amount may only be taken from what is left; it must never give anybody more.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

BAND_MA, BAND_PERMILLE = 500, 20
"""What is no excess yet: the larger of the two. Meters of class 1 are 1 % off, those in wallboxes up to 2 %, and they
tell tenths of an ampere; a car keeps its own current no better. A fuse that cannot bear this needs a margin."""
FORGET_MS = 900_000
"""So long it is reckoned after it was last seen. Our choice: an ill-mannered car overloads a conductor for some seconds
at most four times an hour, which no conductor notices, and whoever comes next gets all again."""
LIKE = 3, 4
"""A share of at least so much of the share that is reckoned is like it: a meter is a little off in both."""
FORMER_MAX = 4
ANYTHING = 2**62
"""mA; what it may draw because of what it was told before we said the first word."""


class Excess(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``told``: what it is told (None: nothing yet); ``former``: what it was told before and until when, each less than
    the one before it and more than now. ``since_ms``: the first of an unbroken row of readings beyond it (None: there
    is none); ``over``: how far the last one is; ``seen_ms``: when it was read. ``amount`` is what is reckoned, found
    beyond ``of``; the like was last seen at ``amount_ms``."""

    told: int | None = None
    former: tuple[tuple[int, int], ...] = ()
    since_ms: int | None = None
    over: int = 0
    seen_ms: int = -1
    amount: int = 0
    of: int = 0
    amount_ms: int = 0


NONE = Excess()
Shown = Sequence[tuple[int, int]]


def look(was: Excess, told: int | None, changed_ms: int, acts_ms: int, shown: Shown) -> Excess:
    """After this cycle's look. ``told`` since ``changed_ms``; ``acts_ms``: how long it may take to follow; ``shown``:
    its known currents as (mA, read at ms), one per phase."""
    if told is not None and told != was.told:
        was = _told(was, told, changed_ms, acts_ms, shown)
    if not shown:
        return was if was.since_ms is None else msgspec.structs.replace(was, since_ms=None, over=0)
    if was.former and was.former[-1][1] + acts_ms < min(read_ms for _, read_ms in shown):
        was = msgspec.structs.replace(was, former=())
    beyonds = [(value - (most := _most(was, read_ms, acts_ms)), most) for value, read_ms in shown]
    over, most = max(beyonds) if told else (0, 0)
    beyond = over > max(BAND_MA, most * BAND_PERMILLE // 1000)
    if not beyond and was.since_ms is None and not was.amount:
        return was
    seen_ms = max(read_ms for _, read_ms in shown)
    if seen_ms <= was.seen_ms:
        return was
    since_ms = None if not beyond else seen_ms if was.since_ms is None else was.since_ms
    sure = min(over, was.over) if since_ms is not None and seen_ms - since_ms >= acts_ms else 0
    amount, of, amount_ms = was.amount, was.of, was.amount_ms
    if sure >= amount or seen_ms - amount_ms >= FORGET_MS:
        amount, of, amount_ms = sure, most, seen_ms
    elif sure and sure * of * LIKE[1] >= amount * most * LIKE[0]:
        amount_ms = seen_ms
    return Excess(was.told, was.former, since_ms, over if beyond else 0, seen_ms, amount, of, amount_ms)


def repeats_matter(at: Excess) -> bool:
    """Does a reading matter here that only says the same again, later?"""
    return at.since_ms is not None or at.amount > 0 or bool(at.former)


def _most(at: Excess, read_ms: int, acts_ms: int) -> int:
    """The most that it was told while it could still have been following it when this was read."""
    return max([at.told or 0, *(most for most, until_ms in at.former if until_ms + acts_ms >= read_ms)])


def _told(was: Excess, told: int, changed_ms: int, acts_ms: int, shown: Shown) -> Excess:
    """It is told something else. Of too many steps down the last two count as the larger one."""
    oldest_ms = min((read_ms for _, read_ms in shown), default=changed_ms)
    before = ANYTHING if was.told is None else was.told
    steps = [(most, until_ms) for most, until_ms in was.former if most > told and until_ms + acts_ms >= oldest_ms]
    if before > told:
        steps.append((before, changed_ms))
    if len(steps) > FORMER_MAX:
        steps[-2:] = [(steps[-2][0], changed_ms)]
    return msgspec.structs.replace(was, told=told, former=tuple(steps))
