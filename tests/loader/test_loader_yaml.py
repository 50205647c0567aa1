"""Two readers of YAML, the fast one and the one that words errors: they see the same document at the same lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.loader import documents
from supervisor.loader.documents import DocumentError, Item, parse

POLICIES = Path(__file__).resolve().parents[2] / "policies"
SHIPPED = sorted(POLICIES.glob("*/*.yaml"))


def tree(item: Item) -> Any:
    """Everything a document says, with the line of each value."""
    if isinstance(item.value, dict):
        return item.line, {key: tree(part) for key, part in item.value.items()}
    return item.line, [tree(part) for part in item.value] if isinstance(item.value, list) else item.value


def said(text: str) -> Any:
    try:
        return tree(parse(text, "site.yaml"))
    except DocumentError as error:
        return str(error)


def both(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    fast = said(text)
    with monkeypatch.context() as slow:
        slow.setattr(documents, "FAST", yaml.SafeLoader)
        return fast, said(text)


def test_libyaml_is_what_reads_here() -> None:
    assert documents.FAST is not yaml.SafeLoader, (
        "PyYAML was installed without libyaml; nothing below compares anything"
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_shipped_document_reads_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = both(path.read_text(), monkeypatch)
    assert fast == slow


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_document_reads_the_same_or_is_refused_in_the_same_words(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SHIPPED)).read_text()[:1500]
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(
        st.sampled_from(["\t", ":", "- ", "{", "]", "'", "&a ", "*a", "\n", "  ", "!x ", "|", "#", "\x00", "é"])
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        fast, slow = both(text[:at] + put + text[at:], monkeypatch)
    assert fast == slow
