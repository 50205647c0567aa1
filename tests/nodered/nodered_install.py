"""Installs a real Node-RED for the peer tests, below build/peers/nodered.

    python tests/nodered/nodered_install.py

Rules
* Everything comes from the package index that npm knows; nothing is installed for the whole machine.
* One that is installed is not touched again.

This file must never be needed by a test that runs by default.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "peers" / "nodered"
PROGRAM = FOLDER / "node_modules" / "node-red" / "red.js"
PACKAGE = "node-red@4"  # 5 needs Node 22
NODE_MIN = 18  # what Node-RED 4 needs
INSTALL_S = 600
REMEDY = "run `python tests/nodered/nodered_install.py`, or `make peers`, which does; it needs Node 18 or newer and npm"


def missing() -> str:
    """What is missing to start Node-RED, as a sentence for people; "" when nothing is."""
    if shutil.which("node") is None:
        return f"there is no node here: install Node.js {NODE_MIN} or newer"
    return "" if PROGRAM.exists() else f"Node-RED is not installed: {REMEDY}"


def install() -> None:
    """Raises LookupError without npm, CalledProcessError when npm gives up."""
    npm = shutil.which("npm")
    if npm is None:
        raise LookupError(f"there is no npm here: install Node.js {NODE_MIN} or newer with npm")
    FOLDER.mkdir(parents=True, exist_ok=True)
    manifest = FOLDER / "package.json"
    if not manifest.exists():
        manifest.write_text('{"name": "peer", "private": true}\n')
    command = [npm, "install", "--no-audit", "--no-fund", "--no-update-notifier", PACKAGE]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=INSTALL_S)


def main() -> int:
    argparse.ArgumentParser(description="Install a Node-RED for the peer tests.").parse_args()
    if not PROGRAM.exists():
        try:
            install()
        except LookupError as error:
            sys.stdout.write(f"{error}\n")
            return 1
    sys.stdout.write(f"Node-RED is in {FOLDER}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
