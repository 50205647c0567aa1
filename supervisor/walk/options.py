"""The command line of ``powerwarden walk``, and what its help teaches. It loads nothing: the command starts with it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

DESCRIPTION = """\
Moves each load of a running house a little, and proves that the sensor, phase and contact that the documents name is
the one that answers. Swapped clamps, phases and addresses are the mistakes that no other check can find.
"""
EPILOG = """\
a first walk:
  powerwarden walk SITE --dry-run                          what it would move, and what must answer
  powerwarden run SITE --observe                           the house is only watched...
  powerwarden walk SITE --token-file me.token --by-hand    ...you switch a kettle on each phase, it watches the meters
  powerwarden run SITE                                     somebody stays beside the switchboard
  powerwarden walk SITE --token-file me.token --by-hand --contactors --out SITE/walk.json
  powerwarden check SITE                                   says whether the walk holds for these documents

before it: a car that is not full, better one that charges on one phase; sun, if there are inverters; no optimiser;
nobody cooks; a battery that covers the house is stopped, because it would hide each load from the meter.
exit codes: 0 all proven, 1 something is wrong, 3 something is not proven, 2 it could not be walked.
"""


@dataclass(frozen=True)
class Asked:
    """The command line as it was written."""

    site: Path
    api: str
    token_file: Path | None
    run_dir: Path
    out: Path | None
    contactors: bool
    by_hand: bool
    dry_run: bool


def describe(verb: argparse.ArgumentParser) -> None:
    """All arguments of the verb."""
    verb.description, verb.epilog = DESCRIPTION, EPILOG
    verb.formatter_class = argparse.RawDescriptionHelpFormatter
    verb.add_argument("site", type=Path, help="the site's folder; the product must run exactly these documents")
    verb.add_argument("--api", default="http://127.0.0.1:8080", metavar="URL", help="its gateway (%(default)s)")
    verb.add_argument("--token-file", type=Path, metavar="FILE", help="the token of an orchestrator, one line")
    verb.add_argument("--by-hand", action="store_true", help="you switch a load of 1 kW on each phase when it says so")
    verb.add_argument(
        "--contactors", action="store_true", help="contactors may move now: you have seen that nobody is at the wires"
    )
    verb.add_argument("--dry-run", action="store_true", help="say what would be moved and what must answer; ask nobody")
    verb.add_argument("--run-dir", type=Path, default=Path("run"), help="where walk.json is put (run)")
    verb.add_argument("--out", type=Path, metavar="FILE", help="or there")


def asked(chosen: argparse.Namespace) -> Asked:
    """From what argparse has read."""
    return Asked(
        site=chosen.site,
        api=chosen.api,
        token_file=chosen.token_file,
        run_dir=chosen.run_dir,
        out=chosen.out,
        contactors=chosen.contactors,
        by_hand=chosen.by_hand,
        dry_run=chosen.dry_run,
    )
