"""The whole house in a screen, and one device: who is well, who is not, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.explain import modes
from supervisor.explain.account import Account, Advice, Clearing, Point
from supervisor.explain.advice import latches
from supervisor.explain.asked import Asked, devices, missing
from supervisor.explain.clears import of_trip
from supervisor.explain.target import account as of_target
from supervisor.explain.words import Words, listed
from supervisor.kernel.plan import Device
from supervisor.kernel.question import NO, YES

HEALTHY = {"normal"}


def house(words: Words) -> Account:
    """The house: its mode, each target in a line, what is not well, and who is there."""
    accounts = [of_target(words, position) for position in range(len(words.plan.targets))]
    reasons = tuple(modes.reasons(words))
    mode = f"the house is in mode {words.mode()} {words.since(words.moment.state.house.since_ms)}"
    happened = [Point(mode, reasons), Point("targets", tuple(_grouped(accounts)))]
    unwell = [line for device in words.plan.devices if (line := _unwell(words, device))]
    happened.append(Point("devices", tuple(unwell) or ("every device that must be there is heard",)))
    happened.append(Point("who may ask", tuple(_identities(words))))
    if waiting := latches(words):
        happened.append(Point("waits for somebody", tuple(waiting)))
    acting = [
        of_trip(words, rule, trip)
        for rule, trip in zip(words.plan.rules, words.moment.state.trips, strict=True)
        if trip.cause is not NO
    ]
    if how := modes.ends(words):
        acting.append(Clearing(f"mode {words.mode()}", how, "mode"))
    return _account(words, "house", "house", f"{mode}: {'; '.join(reasons)}.", happened, acting, _once(accounts))


def device(words: Words, row: Device) -> Account:
    """One device: its state, its readings, and the rules that ask about it."""
    state = words.moment.state.devices[words.plan.devices.index(row)]
    name = row.table.states[state.state]
    seen = Asked(words).answer(row.seen) is YES
    answer = f"{row.id} is {name} {words.since(state.since_ms)}; it {'is heard' if seen else missing(words, row.id)}."
    readings = tuple(words.reading(i) for i, s in enumerate(words.plan.signals) if s.id.partition(".")[0] == row.id)
    happened = [Point(answer.rstrip("."), tuple(Asked(words).saw(row.seen)) if not seen else ()),
                Point("readings", readings)]  # fmt: skip
    acting, about = [], []
    for rule, trip in zip(words.plan.rules, words.moment.state.trips, strict=True):
        if row.id in devices(words, rule.question.signals()):
            acts = trip.cause is not NO
            about.append(f"{rule.id} {'acts' if acts else 'does not act'}: {rule.why}")
            acting += [of_trip(words, rule, trip)] if acts else []
    happened.append(Point("rules that ask about it", tuple(about) or ("none: its loss would change nothing",)))
    if not seen:
        acting.insert(0, Clearing("sight", f"when {row.id} is heard again", "readings", None, 0))
    now = [Advice(f"look at {row.id}: does it have power, is its cable in")] if not seen else []
    targets = [t.id for t in words.plan.targets if t.id.partition(".")[0] == row.id]
    now += [Advice(f"what may be asked of {t}", f"powerwarden explain {t}") for t in targets]
    return _account(words, row.id, "device", answer, happened, acting, now or [Advice("nothing: it is heard")])


def _account(
    words: Words,
    subject: str,
    kind: str,
    answer: str,
    happened: list[Point],
    clears: list[Clearing],
    now: Iterable[Advice],
) -> Account:
    moment = words.moment
    return Account(
        subject, kind, words.plan.site, moment.wall, moment.live, words.mode(), answer, tuple(happened), (),
        tuple(clears), tuple(now),
    )  # fmt: skip


def _unwell(words: Words, device: Device) -> str:
    """A line for a device that is not heard or is in trouble; "" for one that is well."""
    state = words.moment.state.devices[words.plan.devices.index(device)]
    name = device.table.states[state.state]
    if Asked(words).answer(device.seen) is YES and name not in ("faulted", "fault", "protecting", "protected"):
        return ""
    optional = ", which it may be" if device.optional and name == "unseen" else ""
    return f"{device.id} is {name}{optional} {words.since(state.since_ms)}"


def _identities(words: Words) -> list[str]:
    plan = words.plan
    lines = []
    for identity, at in zip(plan.identities, words.moment.state.orchestrators, strict=True):
        heard = f", last heard {words.clock(at.heard_ms)}" if at.heard_ms is not None else ""
        lines.append(f"{identity.name} is {plan.orchestrator.states[at.machine.state]}{heard}")
    return lines


def _grouped(accounts: list[Account]) -> list[str]:
    """The answer of each target; those of which the same is to be said share a line."""
    same: dict[str, list[str]] = {}
    for account in accounts:
        same.setdefault(account.answer.removeprefix(account.subject), []).append(account.subject)
    return [f"{listed(names)}{rest}".replace(" is told", " are told", len(names) > 1) for rest, names in same.items()]


def _once(accounts: list[Account]) -> list[Advice]:
    """What helps more than one target is said once; what only concerns one is asked there."""
    texts = [advice.text for account in accounts for advice in account.now]
    shared = [
        text for text in dict.fromkeys(texts) if text.startswith(("look at", "press the reset", "turn", "look for"))
    ]
    more = Advice("ask about one of them for what clears it and what you can ask", "powerwarden explain TARGET")
    return [*(Advice(text) for text in shared), more]
