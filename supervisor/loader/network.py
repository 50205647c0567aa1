"""What the network may ask at most, whoever asks: the section ``network`` of the policy documents.

    network:
      everybody_together:
        why: whoever holds the gateway's machine asks in every name; this is all that he gets
        rate: 240 per min
        targets:
          wallbox.current: {from: 0 A, to: 16 A, longest: 12 h, rest: 10 min}
          relays.coil_1: {from: open, to: closed, changes: 20 per h}

Rules
* The first row names every target that the network may raise, each with its band. A later one, in the same document or
  another, narrows what it names, and can name nothing new.
* Whatever several rows say, the strictest counts. A band holds the safe value of its target.
"""

from __future__ import annotations

import re

from supervisor.kernel.plan import Network, Reach, Target
from supervisor.loader.documents import Item
from supervisor.loader.policies import HOUR_MS, Policies, Vocabulary, find_target, time_of, why
from supervisor.loader.quantity import amount, duration

RATE = re.compile(r"([1-9][0-9]{0,4}) per min")
CHANGES = re.compile(r"([1-9][0-9]{0,2}) per h")
LONGEST_MIN_MS, LONGEST_MAX_MS = 60_000, 7 * 24 * HOUR_MS
REST_DEFAULT_MS = 600_000


def network(policies: Policies, identity: str, item: Item, words: Vocabulary) -> None:
    rate, targets = item.get("rate"), item.get("targets")
    first = not policies.network
    if first and targets is None:
        raise item.error("'targets' is missing; name everything that the network may raise, and how far")
    if rate is None and targets is None:
        raise item.error("this bounds nothing; write 'rate' or 'targets'")
    named = targets.fields().items() if targets is not None else ()
    reaches = tuple(_reach(policies, name, part, words) for name, part in named)
    per_min = _count(rate, RATE, "wishes in a minute, such as '240 per min'") if rate is not None else None
    policies.network.append(Network(identity, why(item), per_min, reaches, closed=first))


def _reach(policies: Policies, name: str, item: Item, words: Vocabulary) -> Reach:
    """What one row says about one target."""
    index, target = find_target(name, item, words)
    words.orderable(target, item)
    if policies.network and all(reach.target != index for reach in policies.network[0].reaches):
        opener = policies.network[0].id
        at = policies.ids[opener]
        raise item.error(f"{opener} at {at.file}:{at.line} names all that the network may raise; name it there first")
    longest, rest, changes = item.get("longest"), item.get("rest"), item.get("changes")
    if rest is not None and longest is None:
        raise rest.error("what has no 'longest' needs no rest; write both or none")
    lo, hi, places = _band(policies, item, target, words)
    reach = Reach(
        target=index,
        lo=lo,
        hi=hi,
        places=places,
        longest_ms=duration(longest, LONGEST_MIN_MS, LONGEST_MAX_MS) if longest is not None else None,
        rest_ms=time_of(item, "rest", 1_000, 24 * HOUR_MS, REST_DEFAULT_MS) if longest is not None else 0,
        per_hour=_count(changes, CHANGES, "changes in an hour, such as '20 per h'") if changes is not None else None,
    )
    item.done()
    return reach


def _band(policies: Policies, item: Item, target: Target, words: Vocabulary) -> tuple[int, int, frozenset[int] | None]:
    """From where to where; of a changeover, which positions. Only a row that narrows may leave it out."""
    if target.id in words.places:
        listed = item.get("positions")
        if listed is None and not policies.network:
            listed = item.need("positions", f"list positions of {', '.join(words.places[target.id])}")
        places = None if listed is None else frozenset(words.value(part, target) for part in listed.items())
        return target.lo, target.hi, places
    smallest, largest = item.get("from"), item.get("to")
    if not policies.network:
        smallest = item.need("from", "the smallest value that the network may ask for")
        largest = item.need("to", "the largest value that the network may ask for")
    lo = target.lo if smallest is None else amount(smallest, target.unit)
    hi = target.hi if largest is None else amount(largest, target.unit)
    safe = words.said(target.safe, target)
    if smallest is not None and lo > target.safe:
        raise smallest.error(f"'{smallest.text()}' leaves out the safe value of {target.id}; write 'from: {safe}'")
    if largest is not None and hi < target.safe:
        raise largest.error(f"'{largest.text()}' leaves out the safe value of {target.id}; write 'to: {safe}'")
    return lo, hi, None


def _count(item: Item, pattern: re.Pattern[str], what: str) -> int:
    match = pattern.fullmatch(item.text().strip())
    if match is None:
        raise item.error(f"'{item.text()}' is no such number; write {what}")
    return int(match[1])
