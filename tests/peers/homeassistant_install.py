"""Installs real Home Assistants for the peer tests, each into a virtual environment of its own below build/peers.

    python tests/peers/homeassistant_install.py            # those whose interpreter is here
    python tests/peers/homeassistant_install.py 2025.4.4   # this one

Rules
* Everything comes from the package index that pip knows. Home Assistant would fetch its integrations' requirements
  itself when it runs: here they are read from the manifests inside its wheel and installed once, so that it can be
  started with ``--skip-pip`` and speaks to nobody.
* A release that is installed is not touched again (its folder holds a file ``installed`` with the seconds it took).

The releases: the last one that runs on Python 3.11, which knows only announcements of single entities, and one that
knows those of whole devices.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build" / "peers"
INSTALL_S = 900

# What the tests use, and what Home Assistant starts in any case.
COMPONENTS = (
    "mqtt automation script scene person zone tag counter schedule timer energy recorder history logbook logger",
    "frontend network system_health application_credentials backup hardware conversation assist_pipeline stt tts",
    "ffmpeg input_boolean input_button input_datetime input_number input_select input_text number sensor stream",
)


@dataclass(frozen=True)
class Release:
    """``python``: the interpreter's name. ``format``: what its discovery understands best. ``extra``: requirements that
    its wheel forgot to bound."""

    version: str
    python: str
    format: str
    extra: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return PEERS / f"ha-{self.version}"

    @property
    def command(self) -> Path:
        return self.folder / "bin" / "hass"

    @property
    def installed(self) -> bool:
        return (self.folder / "installed").exists()


OLD = Release("2024.3.3", "python3.11", "entity", ("josepy<2", "numpy==1.26.0"))
NEW = Release("2025.4.4", "python3.13", "device")
RELEASES = (OLD, NEW)
REMEDY = "run `python tests/peers/homeassistant_install.py`, or `make peers`, which does"


def interpreter(name: str) -> str | None:
    """A Python that really starts: a version manager's shim of that name may not, so its own folder is tried too."""
    shelves = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(name), *map(str, sorted(shelves.glob(f"*/bin/{name}")))]
    return next((path for path in found if path and _starts(path)), None)


def _starts(path: str) -> bool:
    return subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0


def install(release: Release) -> float:
    """Make the environment. Returns the seconds it took; raises LookupError without the interpreter."""
    python = interpreter(release.python)
    if python is None:
        raise LookupError(f"Home Assistant {release.version} needs {release.python}, which is not here")
    began = time.monotonic()
    shutil.rmtree(release.folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", release.folder], check=True, timeout=INSTALL_S)
    pip = [str(release.folder / "bin" / "python"), "-m", "pip", "-qq", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as place:
        wanted = ["download", "--no-deps", "--dest", place, f"homeassistant=={release.version}"]
        subprocess.run([*pip, *wanted], check=True, timeout=INSTALL_S)
        wheel = next(Path(place).glob("homeassistant-*.whl"))
        constraints = Path(place) / "constraints.txt"
        with zipfile.ZipFile(wheel) as inside:
            constraints.write_bytes(inside.read("homeassistant/package_constraints.txt"))
            needs = sorted(requirements(inside))
        command = [
            *pip,
            "install",
            "--constraint",
            str(constraints),
            str(wheel),
            *needs,
            *release.extra,
            "setuptools<81",
        ]
        subprocess.run(command, check=True, timeout=INSTALL_S)
    took_s = time.monotonic() - began
    (release.folder / "installed").write_text(f"{took_s:.0f}\n")
    return took_s


def requirements(wheel: zipfile.ZipFile) -> set[str]:
    """What the manifests of :data:`COMPONENTS`, and of those that they depend on, ask for."""
    waiting, seen, needs = " ".join(COMPONENTS).split(), set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        path = f"homeassistant/components/{name}/manifest.json"
        if name in seen or path not in wheel.NameToInfo:
            continue
        seen.add(name)
        manifest = json.loads(wheel.read(path))
        needs.update(manifest.get("requirements", ()))
        waiting += manifest.get("dependencies", ())
    return needs


def main() -> int:
    parser = argparse.ArgumentParser(description="Installs Home Assistant for the peer tests.")
    parser.add_argument("versions", nargs="*", choices=[*(r.version for r in RELEASES), []])
    chosen = parser.parse_args().versions
    for release in RELEASES:
        if (chosen and release.version not in chosen) or release.installed:
            continue
        try:
            print(f"Home Assistant {release.version}: installed in {install(release):.0f} s")  # noqa: T201
        except LookupError as error:
            print(error, file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
