"""Reading YAML so that every error can name its file and line, and its remedy.

Rules
* A value is never guessed: YAML's own idea of a type is ignored, every scalar is text until somebody asks for a
  number, a flag or a quantity.
* A key that nobody asked for is an error, and so is a key given twice. Anchors and aliases are refused: a document
  that people must be able to read has no need of them, and nested ones explode.

Nothing here knows what a site or a policy is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

SIZE_MAX = 1_000_000  # bytes of one document
DEPTH_MAX = 20


class DocumentError(Exception):
    """Something a user wrote cannot be used. Prints as ``file:line: what is wrong; remedy``."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file, self.line, self.message = file, line, message


class Item:
    """One value of a document and the place where it stands."""

    def __init__(self, file: str, line: int, path: str, value: str | list[Item] | dict[str, Item]) -> None:
        self.file, self.line, self.path, self.value = file, line, path, value
        self._used: set[str] = set()

    def error(self, message: str) -> DocumentError:
        """An error at this place, with the path of the value in front."""
        return DocumentError(self.file, self.line, f"{self.path or 'document'}: {message}")

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.error("expected a single value here")
        return self.value

    def items(self) -> list[Item]:
        if not isinstance(self.value, list):
            raise self.error("expected a list here, such as [a, b]")
        return self.value

    def fields(self) -> dict[str, Item]:
        """All entries of a mapping whose keys are names; they count as asked for."""
        if not isinstance(self.value, dict):
            raise self.error("expected a mapping here, such as {name: value}")
        self._used |= self.value.keys()
        return self.value

    def get(self, key: str) -> Item | None:
        """The entry ``key``, or None when it is not given."""
        if not isinstance(self.value, dict):
            raise self.error("expected a mapping here, such as {name: value}")
        self._used.add(key)
        return self.value.get(key)

    def need(self, key: str, hint: str) -> Item:
        """The entry ``key``; ``hint`` tells in the error what to write."""
        item = self.get(key)
        if item is None:
            raise self.error(f"'{key}' is missing; {hint}")
        return item

    def done(self) -> None:
        """Complain about the first key that nobody has asked for."""
        if isinstance(self.value, dict):
            for key, item in self.value.items():
                if key not in self._used:
                    raise item.error(f"nobody knows '{key}' here{nearest(key, self._used)}")

    def one_of(self, choices: Iterable[str]) -> str:
        """The value, which must be one of ``choices``."""
        known = list(choices)
        if self.text() not in known:
            raise self.error(f"'{self.text()}' is not one of {', '.join(known)}{nearest(self.text(), known)}")
        return self.text()

    def flag(self) -> bool:
        return self.one_of(("true", "false")) == "true"

    def whole(self, lo: int, hi: int) -> int:
        """A whole number from ``lo`` to ``hi``, without a unit."""
        try:
            number = int(self.text(), 0)
        except ValueError:
            raise self.error(f"'{self.text()}' is not a whole number") from None
        if not lo <= number <= hi:
            raise self.error(f"{number} is not within {lo}..{hi}")
        return number

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items())


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean …?' when something known looks alike, else what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(names)}" if names else ""


def read(path: Path) -> Item:
    """The document at ``path``. Raises DocumentError for anything that is not one readable YAML document."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(str(path), 1, f"cannot be read: {error}") from None
    if len(text) > SIZE_MAX:
        raise DocumentError(str(path), 1, f"is larger than {SIZE_MAX} bytes")
    return parse(text, str(path))


def parse(text: str, file: str) -> Item:
    """As ``read``, from text."""
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) and event.start_mark is not None:
                raise DocumentError(
                    file, event.start_mark.line + 1, "anchors and aliases are not used here; write it out"
                )
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise DocumentError(file, line, f"is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(file, 1, f"is not YAML: {error}") from None
    if node is None:
        raise DocumentError(file, 1, "is empty")
    return _item(node, file, "", 0)


def _item(node: yaml.Node, file: str, path: str, depth: int) -> Item:
    line = node.start_mark.line + 1
    if depth > DEPTH_MAX:
        raise DocumentError(file, line, f"{path}: nested deeper than {DEPTH_MAX}")
    if isinstance(node, yaml.SequenceNode):
        return Item(
            file, line, path, [_item(part, file, f"{path}[{i}]", depth + 1) for i, part in enumerate(node.value)]
        )
    if isinstance(node, yaml.MappingNode):
        return Item(file, line, path, _fields(node, file, path, depth))
    return Item(file, line, path, str(node.value))


def _fields(node: yaml.MappingNode, file: str, path: str, depth: int) -> dict[str, Item]:
    fields: dict[str, Item] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise DocumentError(file, line, f"{path}: a key must be a plain name")
        key = str(key_node.value)
        if key in fields:
            raise DocumentError(file, line, f"{path}.{key}".lstrip(".") + ": is given twice; remove or rename one")
        item = _item(value_node, file, f"{path}.{key}".lstrip("."), depth + 1)
        item.line = line if isinstance(value_node, yaml.ScalarNode) else item.line
        fields[key] = item
    return fields
