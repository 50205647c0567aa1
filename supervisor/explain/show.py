"""An account as text: at most 100 columns, readable without colour; with colour where a terminal wants it.

Every text may carry names from the network, so nothing that a terminal would obey gets through.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from supervisor.explain.account import Account, Advice, Clearing, Point

WIDTH = 100
TITLES = ("WHAT HAPPENED", "WHAT CLEARS IT", "WHAT YOU CAN DO NOW")
BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def text(account: Account, colour: bool = False) -> str:
    """The account on at most WIDTH columns; the last line ends with a newline."""
    lines = [*_head(account), "", *_part(TITLES[0], _points(account.happened))]
    shown = {line for point in account.happened for line in point.under}
    lines += ["", *_part(TITLES[1], _clears(account.clears, shown))]
    past = "" if account.live else " (as it was then)"
    lines += ["", *_part(TITLES[2] + past, _advice(account.now))]
    return "\n".join(_coloured(line) if colour else line for line in lines) + "\n"


def _head(account: Account) -> list[str]:
    when = account.at.replace("T", " ").partition(".")[0]
    now = "now" if account.live else "then"
    title = f"{account.subject} at {when} ({now}), {account.site}"
    return [*_wrapped(plain(title), ""), *_wrapped(plain(account.answer), "")]


def _part(title: str, body: Iterator[str]) -> list[str]:
    return [title, *(list(body) or ["  nothing"])]


def _points(points: tuple[Point, ...]) -> Iterator[str]:
    for point in points:
        yield from _item(point.text, point.under)


def _clears(clears: tuple[Clearing, ...], shown: set[str]) -> Iterator[str]:
    """``shown``: what stands above already and need not be said twice."""
    for clear in clears:
        yield from _item(f"{clear.rule}: {clear.text}", tuple(line for line in clear.under if line not in shown))
        shown |= set(clear.under)


def _advice(advices: tuple[Advice, ...]) -> Iterator[str]:
    for number, advice in enumerate(advices, 1):
        yield from _wrapped(plain(advice.text), f"  {number}. ", "     ")
        if advice.command:
            yield from _command(plain(advice.command))


def _command(command: str) -> Iterator[str]:
    """A command that can be copied: it is broken only where a shell lets it be."""
    line = "       "
    for part in command.replace(" http", "\0http").replace(" -d ", "\0-d ").split("\0"):
        if len(line) + len(part) + 3 > WIDTH and line.strip():
            yield f"{line.rstrip()} \\"
            line = "         "
        line += f"{part} "
    yield line.rstrip()


def _item(said: str, under: tuple[str, ...]) -> Iterator[str]:
    yield from _wrapped(plain(said), "  - ", "    ")
    for line in under:
        yield from _wrapped(plain(line), "      ", "        ")


def _wrapped(said: str, first: str, rest: str = "") -> list[str]:
    return textwrap.wrap(said, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) or [first]


def _coloured(line: str) -> str:
    if line.startswith(TITLES):
        return f"{BOLD}{line}{PLAIN}"
    return f"{DIM}{line}{PLAIN}" if line.startswith("      ") else line


def plain(said: str) -> str:
    """``said`` without anything that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in said)
