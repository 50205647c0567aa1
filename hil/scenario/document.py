"""A YAML file as a tree in which every piece knows its line: what the reader of scenarios walks over.

Rules
* Every error is one line: ``file:line: place: what is wrong, and the remedy``. A key that stands twice is an error,
  and so is a key that nobody knows; the text names those that are known, and the one that was probably meant.
* A date stays the text that it was written as. ``relays.closed[2]`` may stand anywhere without quotes, although YAML
  takes ``[`` for the beginning of a list inside ``{...}``: brackets that follow a name are hidden from it.
* A file is at most SIZE_MAX long and, with its anchors written out, has at most PIECES_MAX pieces: reading ends soon.

It must never know what a key means.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from hil.unix_socket import RigError

Scalar = str | int | float | bool | None
SIZE_MAX = 1_000_000  # characters: the longest that come with the rig have some 5,000
PIECES_MAX = 50_000  # the same: some 500; an anchor in an anchor in an anchor is a million in no time
_INDEX = re.compile(r"(?<=[A-Za-z0-9_])\[([0-9]+)\]")
_HIDDEN = str.maketrans({"\ue000": "[", "\ue001": "]"})


class _Loader(yaml.SafeLoader):
    """As the safe one, but without dates: they stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Item:
    """One piece. ``place``: the keys that lead to it. ``value``: a scalar, or the pieces inside."""

    file: Path
    line: int
    place: str
    value: Scalar | list[Item] | dict[str, Item]

    def wrong(self, what: str) -> RigError:
        """The error about this piece; for the caller to raise."""
        return RigError(f"{self.file}:{self.line}: {self.place}: {what}".replace(": : ", ": "))

    def entries(self, known: Iterable[str] = ()) -> dict[str, Item]:
        """The pieces inside by their keys, which must all be among ``known`` where that is given."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"expected `key: value` pairs here, not {self.shown()}")
        names = list(known)
        for key, item in self.value.items():
            if names and key not in names:
                comma = "; a text with a comma in it needs quotes" if " " in key else ""
                raise item.wrong(f"nobody knows {key!r} here{near(key, names)}{comma} (known here: {', '.join(names)})")
        return self.value

    def listed(self) -> list[Item]:
        """The pieces of a list; a single piece is a list of one."""
        return self.value if isinstance(self.value, list) else [self]

    def text(self) -> str:
        """A text that is not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.wrong(f"expected a text here, not {self.shown()}")
        return self.value.strip()

    def number(self, lowest: float, highest: float) -> float:
        """A number without a unit."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise self.wrong(f"expected a number from {lowest:g} to {highest:g}, not {self.shown()}")
        return value

    def truth(self) -> bool:
        """true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong(f"expected true or false, not {self.shown()}")
        return self.value

    def plain(self) -> Scalar:
        """A scalar that a request can carry."""
        if isinstance(self.value, list | dict) or self.value is None:
            raise self.wrong(f"expected one value here, not {self.shown()}")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise self.wrong("expected a number that is one; a fault (`nan`) makes a device say it is none")
        return self.value

    def one_of(self, known: Sequence[str]) -> str:
        """One of these words."""
        word = self.text()
        if word not in known:
            raise self.wrong(f"expected one of {', '.join(known)}, not {word!r}{near(word, known)}")
        return word

    def shown(self) -> str:
        """This piece in a message."""
        if isinstance(self.value, list | dict):
            return "a list" if isinstance(self.value, list) else "a mapping"
        return "nothing" if self.value is None else repr(self.value)


def near(word: str, known: Iterable[str]) -> str:
    """', did you mean ...?' when there is something like it, "" when there is not."""
    names = list(known)
    found = difflib.get_close_matches(word, names, 2, 0.6)
    ending = [name for name in names if name.rpartition(".")[2] == word.rpartition(".")[2] and name != word]
    meant = list(dict.fromkeys([*found, *ending]))[:2]
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def read(path: Path) -> Item:
    """The whole file; RigError names the line that is no YAML."""
    return parse(text_of(path), path)


def text_of(path: Path) -> str:
    """What stands in a file; RigError when it cannot be read."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise RigError(f"{path}: is no text in UTF-8 ({error}); save it as UTF-8") from None
    except OSError as error:
        raise RigError(f"{path}: cannot be read: {error}") from None


def parse(text: str, path: Path) -> Item:
    """``text`` as if it were the file ``path``."""
    if len(text) > SIZE_MAX:
        raise RigError(f"{path}: has {len(text)} characters, and at most {SIZE_MAX} are read; make it several files")
    try:
        loader = _Loader(_INDEX.sub("\ue000\\1\ue001", text))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RigError(f"{path}:{line}: a character {error.character:#x} that no text has; take it out") from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise RigError(f"{path}:1: the file is empty")
        return _Items(path, loader).item(node, "", ())
    except RecursionError:
        raise RigError(f"{path}: brackets or lists within each other, too deep to be read; write it flat") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        hint = "a text with any of , : [ ] { } # in it needs quotes around it"
        raise RigError(f"{path}:{line}: this is no YAML: {error.problem or error.context}; {hint}") from None
    except yaml.YAMLError as error:
        raise RigError(f"{path}: this is no YAML: {error}") from None
    finally:
        loader.dispose()


class _Items:
    """Nodes -> pieces, of one file."""

    def __init__(self, path: Path, loader: _Loader) -> None:
        self._path, self._loader, self._count = path, loader, 0

    def item(self, node: yaml.Node, place: str, above: tuple[yaml.Node, ...]) -> Item:
        """This node and all below it."""
        path, line = self._path, node.start_mark.line + 1
        self._count += 1
        if self._count > PIECES_MAX:
            raise RigError(f"{path}:{line}: {place}: more than {PIECES_MAX} pieces with all anchors written out")
        if node in above:
            raise RigError(f"{path}:{line}: {place}: this contains itself; write it out")
        above = (*above, node)
        if isinstance(node, yaml.SequenceNode):
            parts = [self.item(part, f"{place}[{at}]", above) for at, part in enumerate(node.value, 1)]
            return Item(path, line, place, parts)
        if isinstance(node, yaml.MappingNode):
            return Item(path, line, place, self._entries(node, place, above))
        return Item(path, line, place, self._scalar(node, place, line))

    def _scalar(self, node: yaml.Node, place: str, line: int) -> Scalar:
        try:
            value = self._loader.construct_object(node)
            if isinstance(value, str):
                value.encode()  # an escaped half of a character ("\\ud83d") can be written nowhere
        except ValueError as error:
            raise RigError(f"{self._path}:{line}: {place}: {error}") from None
        if isinstance(value, str):
            return value.translate(_HIDDEN)
        if value is None or isinstance(value, bool | int | float):
            return value
        raise RigError(f"{self._path}:{line}: {place}: {node.tag} is not known here; write it without a tag")

    def _entries(self, node: yaml.MappingNode, place: str, above: tuple[yaml.Node, ...]) -> dict[str, Item]:
        entries: dict[str, Item] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise RigError(f"{self._path}:{line}: {place}: a key must be a word")
            key = str(key_node.value).translate(_HIDDEN)
            item = self.item(value_node, f"{place}.{key}".lstrip("."), above)
            if key in entries:
                raise RigError(f"{self._path}:{line}: {item.place}: {key!r} stands here twice; keep one of them")
            # A value's line is that of its key, where a reader looks for it.
            entries[key] = Item(item.file, line, item.place, item.value)
        return entries
