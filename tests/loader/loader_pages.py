"""The boxes of a documentation page: what stands in them must load."""

from __future__ import annotations

from pathlib import Path


def boxes(page: Path) -> tuple[str, str]:
    """All YAML of a page: for site.yaml, and for a policy document. The first line of a box says which."""
    found = {"# site.yaml": "", "# a policy document": ""}
    for box in page.read_text("utf-8").split("```yaml\n")[1:]:
        first, _, rest = box.partition("```")[0].partition("\n")
        found[first] += rest
    return found["# site.yaml"], found["# a policy document"]
