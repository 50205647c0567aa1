"""The verb ``powerwarden draw``: the pages of a site as one document, or one file per page with an index.

The same site gives the same bytes: nothing here knows the time, the machine, or the folder that the site lies in.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from supervisor.draw import machines, rules, site, switching
from supervisor.draw.mermaid import cell, table
from supervisor.explain.words import Words
from supervisor.kernel.image import blank
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.state import boot
from supervisor.loader.load import Loaded
from supervisor.replay.moment import Moment

TITLES: Mapping[str, str] = {
    "buses": "Buses and devices",
    "circuits": "Circuits",
    "rules": "What can narrow each target",
    "permissions": "Who may ask for what",
    "programs": "What happens when nobody asks",
    "changeovers": "Changeovers and interlocks",
    "machines": "State machines",
    "silence": "When we fall silent",
    "others": "Everything else that has a reason",
}


def pages(loaded: Loaded) -> dict[str, str]:
    """The body of each page by its name, in the order of the index."""
    words = Words(_nothing_yet(loaded))
    bodies = {
        "buses": site.buses(loaded),
        "circuits": site.circuits(loaded),
        "rules": rules.ladders(words),
        "permissions": rules.permissions(words),
        "programs": rules.programs(words),
        "changeovers": switching.changeovers(words),
        "machines": machines.machines(loaded.plan),
        "silence": site.silence(loaded),
        "others": rules.others(words),
    }
    return {name: bodies[name] for name in TITLES}


def _nothing_yet(loaded: Loaded) -> Moment:
    """A house that has never run: names and words need no more."""
    plan = loaded.plan
    spans = tuple(target.rating for target in plan.targets)
    outputs = Outputs((None,) * len(spans), spans, ("",) * len(spans))
    return Moment(loaded, boot(plan, 0), blank(plan.signals), outputs, 0, "1970-01-01T00:00:00", (), False)


def document(loaded: Loaded) -> str:
    """All pages as one Markdown document."""
    parts = [f"# {cell(loaded.site.name)}", _head(loaded)]
    parts += [f"## {TITLES[name]}\n\n{body}" for name, body in pages(loaded).items()]
    return "\n\n".join(parts) + "\n"


def files(loaded: Loaded) -> dict[str, str]:
    """The same as files, by name: one per page, and README.md as the index."""
    found = {f"{name}.md": f"# {TITLES[name]}\n\n{body}\n" for name, body in pages(loaded).items()}
    index = "\n".join(f"* [{TITLES[name]}]({name}.md)" for name in TITLES)
    return {"README.md": f"# {cell(loaded.site.name)}\n\n{_head(loaded)}\n\n{index}\n", **found}


def _head(loaded: Loaded) -> str:
    plan = loaded.plan
    counted = ("targets", "rules", "permissions", "programs", "circuits", "changeovers")
    counts = table(("", "count"), [(name, str(len(getattr(plan, name)))) for name in counted])
    return f"Drawn by `powerwarden draw` from the documents with the digest `{loaded.site.digest[:16]}`.\n\n{counts}"


def run(loaded: Loaded, out: Path | None) -> int:
    """Print the document, or write the files into ``out``. Returns the exit code."""
    if out is None:
        sys.stdout.write(document(loaded))
        return 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files(loaded).items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"powerwarden draw: cannot write to {out}: {error.strerror}; name a folder with --out\n")
        return 2
    sys.stderr.write(f"{len(TITLES) + 1} pages in {out}; begin with {out / 'README.md'}\n")
    return 0
