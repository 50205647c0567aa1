"""Changes in a YAML text that leave every other letter of it alone, so that its lines stay where a person wrote them.

It must never judge what a document means.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from hil.unix_socket import RigError


class Document:
    """One YAML text, its nodes and their lines."""

    def __init__(self, name: str, text: str) -> None:
        """RigError when it is no YAML."""
        self.name, self.text = name, text
        try:
            self.root = yaml.compose(text, yaml.SafeLoader)
            self.value: object = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RigError(f"{name}: is no YAML: {error}") from None

    def at(self, place: Sequence[str]) -> yaml.Node | None:
        """The node below these keys (of a list: numbers from 0); None where there is none."""
        return self._find(place)[1]

    def line(self, place: Sequence[str]) -> int:
        """The line of the key at this place, or of the nearest one above that is there."""
        for end in range(len(place), 0, -1):
            if (key := self._find(place[:end])[0]) is not None:
                return int(key.start_mark.line) + 1
        return 1

    def _find(self, place: Sequence[str]) -> tuple[yaml.Node | None, yaml.Node | None]:
        """Key (of a list: the item itself) and value."""
        key: yaml.Node | None = None
        node: yaml.Node | None = self.root
        for word in place:
            if isinstance(node, yaml.SequenceNode) and word.isdigit() and int(word) < len(node.value):
                key = node = node.value[int(word)]
                continue
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            key, node = next(((name, value) for name, value in pairs if name.value == word), (None, None))
        return key, node

    def wrong(self, place: Sequence[str], what: str) -> RigError:
        """The error about this place."""
        return RigError(f"{self.name}:{self.line(place)}: {'.'.join(place)}: {what}")

    def put(self, place: Sequence[str], value: str) -> Document:
        """The document with this scalar at a place: another value, or one key more in a mapping that is there."""
        node, parent = self.at(place), self.at(place[:-1])
        if isinstance(node, yaml.ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            lead = " " if start == end else ""  # nothing stood there, right behind the colon
            tail = "\n" if node.style in ("|", ">") else ""  # of a block its last line belongs to it
            return Document(self.name, self.text[:start] + lead + value + tail + self.text[end:])
        if not isinstance(parent, yaml.MappingNode) or not parent.value:
            raise self.wrong(place, "cannot be put there: it stands in no mapping")
        first = parent.value[0][0].start_mark
        between = ", " if parent.flow_style else "\n" + " " * first.column
        words = f"{place[-1]}: {value}{between}"
        return Document(self.name, self.text[: first.index] + words + self.text[first.index :])
