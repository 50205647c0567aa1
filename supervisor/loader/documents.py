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
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

SIZE_MAX = 1_000_000  # bytes of one document
DEPTH_MAX = 20
MESSAGE_MAX = 400  # characters of one error, however long the value is that it quotes
KNOWN_MAX = 12  # names that an error lists
FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # where libyaml was there when PyYAML was built
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,18}|0x[0-9a-fA-F]{1,16})")


class DocumentError(Exception):
    """Something a user wrote cannot be used. Prints as ``file:line: what is wrong; remedy``, always on one line."""

    def __init__(self, file: str, line: int, message: str) -> None:
        message = _printable(message)
        super().__init__(f"{_printable(file)}:{line}: {message}")
        self.file, self.line, self.message = file, line, message


def _printable(text: str) -> str:
    """One line that a terminal may show: what a document quotes is never trusted with it. Cut in the middle."""
    if len(text) > MESSAGE_MAX:
        text = f"{text[: MESSAGE_MAX // 2]} … {text[-MESSAGE_MAX // 2 :]}"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


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
        if not self.value:
            raise self.error("the list is empty; write at least one entry")
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
            raise self.error(f"'{self.text()}' is not one of {', '.join(known)}{_alike(self.text(), known)}")
        return self.text()

    def flag(self) -> bool:
        return self.one_of(("true", "false")) == "true"

    def whole(self, lo: int, hi: int) -> int:
        """A whole number from ``lo`` to ``hi``, without a unit."""
        if not WHOLE.fullmatch(self.text()):
            raise self.error(f"'{self.text()}' is not a whole number, such as {max(lo, 0)}")
        number = int(self.text(), 0)
        if not lo <= number <= hi:
            raise self.error(f"{number} is not within {lo}..{hi}")
        return number

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items())


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean …?' when something known looks alike, else what is known."""
    names = sorted(known)
    if alike := _alike(word, names):
        return alike
    more = f" and {len(names) - KNOWN_MAX} more" if len(names) > KNOWN_MAX else ""
    return f"; known here: {', '.join(names[:KNOWN_MAX])}{more}" if names else ""


def _alike(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word, names, 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def name_of(key: str, item: Item) -> str:
    """``key``, if it can be a name in identifiers, metrics and addresses."""
    if not NAME.fullmatch(key):
        raise item.error(f"'{key}' is no name; use a to z, 0 to 9 and _, at most 31, starting with a letter")
    return key


def paths(folder: Path) -> list[Path]:
    """site.yaml first, then the policy documents by name. A document that would be passed over is an error."""
    site = folder / "site.yaml"
    try:
        there = sorted(folder.iterdir())
    except OSError:
        there = []
    if site not in there:
        raise DocumentError(str(site), 1, "is not there; a site is a folder with a site.yaml in it")
    for path in there:
        if path.suffix.lower() in (".yaml", ".yml") and path.suffix != ".yaml":
            raise DocumentError(str(path), 1, f"would be passed over; name it {path.stem}.yaml or move it away")
    return [site, *(path for path in there if path.suffix == ".yaml" and path != site)]


def read(path: Path) -> str:
    """The text of the document at ``path``. Raises DocumentError for anything that is not a modest UTF-8 file."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise DocumentError(str(path), 1, f"cannot be read: {error.strerror}") from None
    if len(data) > SIZE_MAX:
        raise DocumentError(str(path), 1, f"is larger than {SIZE_MAX} bytes; is it a document at all?")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(str(path), line, f"is not UTF-8 ({error.reason}); save it as UTF-8 text") from None


def parse(text: str, file: str) -> Item:
    """The one YAML document in ``text``. Raises DocumentError for anything else."""
    try:
        node = _node(text, file)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(file, line, "holds a character that no text has; is it a document at all?") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        remedy = "; indent with spaces" if "\\t" in (error.problem or "") else "; look at this line and the one before"
        line = mark.line + 1 if mark else 1
        raise DocumentError(file, line, f"is not YAML: {error.problem or error.context}{remedy}") from None
    if node is None:
        raise DocumentError(file, 1, "is empty; write something into it or remove it")
    return _item(node, file, "")


def _node(text: str, file: str) -> yaml.Node | None:
    """The document's root. libyaml reads it in a tenth of the time, and every process that starts waits for it. What it
    refuses is read again by the one whose words about an error are known, and so is a tab, where it is less strict."""
    try:
        reader = yaml.SafeLoader if "\t" in text else FAST
        _plain(text, file, reader)
        return yaml.compose(text, Loader=reader)
    except yaml.YAMLError:
        _plain(text, file, yaml.SafeLoader)
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _plain(text: str, file: str, loader: Any) -> None:
    """Refuse anchors, aliases and deep nesting while they are still a stream of events and have cost nothing."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None) is not None:
            raise DocumentError(file, line, "anchors and aliases are not used here; write it out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise DocumentError(file, line, f"is nested deeper than {DEPTH_MAX}; write it flatter")


def _item(node: yaml.Node, file: str, path: str) -> Item:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Item(file, line, path, [_item(part, file, f"{path}[{i}]") for i, part in enumerate(node.value)])
    if isinstance(node, yaml.MappingNode):
        return Item(file, line, path, _fields(node, file, path))
    return Item(file, line, path, str(node.value))


def _fields(node: yaml.MappingNode, file: str, path: str) -> dict[str, Item]:
    fields: dict[str, Item] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise DocumentError(file, line, f"{path or 'document'}: a key must be a plain name")
        key = str(key_node.value)
        if key in fields:
            raise DocumentError(file, line, f"{path}.{key}".lstrip(".") + ": is given twice; remove or rename one")
        fields[key] = _item(value_node, file, f"{path}.{key}".lstrip("."))
        fields[key].line = line  # where a person looks for it, also when the value begins further down
    return fields
