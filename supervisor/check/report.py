"""One check of a site, from loading to the summary, as text for people and as data for programs.

The exit code follows from it: an error is 1, with ``strict`` a warning is, too; notes never count. A document that
does not load at all is the loader's DocumentError, and never comes here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TextIO

from supervisor.check.examples import Examples, Tried, findings
from supervisor.check.finding import Finding, Severity, found, printable
from supervisor.check.page import Page, lines, page
from supervisor.check.survey import Survey
from supervisor.check.table import KINDS
from supervisor.loader.load import Loaded


@dataclass(frozen=True)
class Report:
    """``findings`` by file and line; ``tried``: the examples in the order of the documents."""

    name: str
    size: str
    findings: tuple[Finding, ...]
    tried: tuple[Tried, ...]
    page: Page

    def count(self, severity: Severity) -> int:
        return sum(finding.kind.severity is severity for finding in self.findings)

    def exit_code(self, strict: bool) -> int:
        counting = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
        return 1 if any(self.count(severity) for severity in counting) else 0


def check(loaded: Loaded) -> Report:
    """Everything that can be said about a site that loads."""
    survey, plan = Survey(loaded), loaded.plan
    tried, situations = Examples(survey).try_all()
    seen = [found(kind, spot) for kind in KINDS if kind.look is not None for spot in kind.look(survey)]
    every = {finding.order: finding for finding in (*seen, *findings(tried, situations))}
    amounts = {"signal": plan.signals, "target": plan.targets, "limit": plan.rules, "permission": plan.permissions}
    size = ", ".join(_counted(len(rows), word) for word, rows in amounts.items())
    return Report(plan.site, size, tuple(every[order] for order in sorted(every)), tuple(tried), page(survey))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


# ---- for people ----------------------------------------------------------------------------------------------------
def text(report: Report, strict: bool = False) -> Iterator[str]:
    """Line by line. What an installer has to do comes first and last, the page between them."""
    yield from map(str, report.findings)
    if report.findings:
        yield ""
    yield from map(printable, _examples(report))
    yield from map(printable, lines(report.page, report.name))
    yield ""
    yield summary(report, strict)


def _examples(report: Report) -> Iterator[str]:
    for tried in report.tried:
        yield f"example {tried.name}: {'WRONG, ' if tried.finding else ''}{tried.words}"
    if report.tried:
        yield ""


def summary(report: Report, strict: bool) -> str:
    counts = ", ".join(_counted(report.count(severity), severity.value) for severity in Severity)
    right = sum(tried.finding is None and not tried.skipped for tried in report.tried)
    examples = f"{right} of {_counted(len(report.tried), 'example')} as expected" if report.tried else "no examples"
    verdict = "not fit to run" if report.exit_code(strict) else "may run"
    return f"{report.name}: {verdict}. {counts}; {examples}; {report.size}."


MARKS = {
    "] error: ": "bold red",
    "WRONG, ": "bold red",
    "NOTHING CUTS": "bold red",
    "] warning: ": "yellow",
    "#": "bold",
}


def show(lines_: Iterable[str], out: TextIO) -> None:
    """With colours where a person looks, as plain text anywhere else."""
    if not out.isatty():
        out.writelines(f"{line}\n" for line in lines_)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, soft_wrap=True, highlight=False)
    for line in lines_:
        style = next((style for mark, style in MARKS.items() if mark in line[:400]), "")
        console.print(Text(line, style=style))


# ---- for programs --------------------------------------------------------------------------------------------------
def data(report: Report, strict: bool = False) -> str:
    """The same as JSON."""
    counts = Counter(finding.kind.severity.value for finding in report.findings)
    return json.dumps(
        {
            "site": report.name,
            "ok": report.exit_code(strict) == 0,
            "counts": {severity.value: counts[severity.value] for severity in Severity},
            "findings": [_row(finding) for finding in report.findings],
            "examples": [_tried(tried) for tried in report.tried],
            "energised": asdict(report.page),
        },
        indent=2,
    )


def _row(finding: Finding) -> dict[str, str | int]:
    kind = finding.kind
    row: dict[str, str | int] = {"file": finding.file, "line": finding.line, "id": kind.id}
    return row | {"severity": kind.severity.value, "what": finding.what, "remedy": kind.remedy}


def _tried(tried: Tried) -> dict[str, str | bool]:
    return {"name": tried.name, "came_out": tried.words, "as_expected": tried.finding is None and not tried.skipped}


def refused(file: str, line: int, message: str) -> str:
    """A site that does not load, as JSON."""
    return json.dumps({"ok": False, "error": {"file": file, "line": line, "what": message}}, indent=2)
