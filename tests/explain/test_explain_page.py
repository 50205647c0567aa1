"""The page about explain shows what the command really prints."""

from __future__ import annotations

import pytest
from explain_pages import BLOCK, PAGE, output

EXAMPLES = BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_five_real_questions() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(("name", "shown"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_each_example_of_the_page_is_what_the_command_prints_today(name: str, shown: str) -> None:
    assert shown == output(name), "look at the change, then: python tests/explain/explain_pages.py --write"
