"""``python -m supervisor.check --write-docs``: write docs/check.md anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from supervisor.check.docs import document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "check.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m supervisor.check", description=__doc__)
    parser.add_argument("--write-docs", action="store_true", required=True, help="write docs/check.md")
    parser.parse_args()
    PAGE.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
