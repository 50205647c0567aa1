"""The command ``powerwarden``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

EPILOG = """\
a first session:
  powerwarden check policies/uc001          does the site load, and what does it say
  powerwarden run policies/uc001            supervise it; Ctrl-C stops
  powerwarden status --watch                the live view, from a second terminal
  curl http://127.0.0.1:8080/v1/state       the same for programs
A site is a folder with a site.yaml and policy documents (*.yaml) beside it.
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="powerwarden",
        description="A safety supervisor for home power: orchestrators ask, only this box does.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = _verb(verbs, "run", "start guardian, buses and gateway for a site, and keep them running", site=True)
    run.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT", help="where the gateway serves HTTP")
    check = verbs.add_parser("check", help="load a site and say what is wrong with it, without starting anything")
    check.add_argument("site", type=Path, help="the site's folder")
    status = verbs.add_parser("status", help="what the house is doing now")
    status.add_argument("--run-dir", type=Path, default=Path("run"), help="where the guardian's socket is (run)")
    status.add_argument("--watch", action="store_true", help="stay and show changes")
    _verb(verbs, "guardian", "only the guardian (used by run and by the systemd unit)", site=True)
    bus = _verb(verbs, "bus", "only one bus process (used by run and by the systemd unit)", site=True)
    bus.add_argument("name", help="the bus, as site.yaml calls it")
    gateway = _verb(verbs, "gateway", "only the gateway (used by run and by the systemd unit)", site=False)
    gateway.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT", help="where to serve HTTP")
    return top


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, site: bool
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text)
    if site:
        verb.add_argument("site", type=Path, help="the site's folder")
        verb.add_argument("--observe", action="store_true", help="watch only: no write path on any bus")
    verb.add_argument(
        "--run-dir", type=Path, default=Path("run"), help="for the socket, the log, the journal and the state (run)"
    )
    return verb


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 well, 1 stopped with trouble, 2 a document or an argument is wrong."""
    chosen = parser().parse_args(argv)
    from supervisor.loader.documents import DocumentError

    try:
        return int(VERBS[chosen.verb](chosen))
    except DocumentError as error:
        print(f"powerwarden: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 1


def _socket(chosen: argparse.Namespace) -> Path:
    return Path(chosen.run_dir) / "guardian.sock"


def _log() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")


def _run(chosen: argparse.Namespace) -> int:
    """Start everything at once. Each child loads the documents for itself; the guardian's word about them counts."""
    from supervisor.launch import Child, Launcher
    from supervisor.loader.documents import parse, paths, read

    site = paths(chosen.site)[0]
    buses = parse(read(site), str(site)).need("buses", "list the buses").fields()
    shared = [str(chosen.site), "--run-dir", str(chosen.run_dir), *(["--observe"] if chosen.observe else [])]
    gateway = ["gateway", "--run-dir", str(chosen.run_dir), "--listen", chosen.listen]
    children = [Child("guardian", ["guardian", *shared])]
    children += [Child(bus, ["bus", *shared, bus]) for bus in buses]
    children.append(Child("gateway", gateway))
    return Launcher(children, chosen.run_dir).run()


def _guardian(chosen: argparse.Namespace) -> int:
    from supervisor.guardian.main import run
    from supervisor.loader.load import load

    _log()
    loaded = load(chosen.site, str(chosen.run_dir), chosen.observe)
    chosen.run_dir.mkdir(parents=True, exist_ok=True)
    return run(loaded, _socket(chosen), chosen.run_dir / "journal", chosen.run_dir)


def _bus(chosen: argparse.Namespace) -> int:
    from supervisor.bus.main import run
    from supervisor.loader.load import load

    loaded = load(chosen.site, str(chosen.run_dir), chosen.observe)
    for bus in loaded.site.buses:
        if bus.name == chosen.name:
            return run(bus, loaded.site.digest, str(_socket(chosen)))
    names = ", ".join(bus.name for bus in loaded.site.buses)
    print(f"powerwarden: {chosen.site} has no bus '{chosen.name}'; it has {names}", file=sys.stderr)
    return 2


def _gateway(chosen: argparse.Namespace) -> int:
    from supervisor.gateway.main import run

    return run(["--socket", str(_socket(chosen)), "--listen", chosen.listen])


def _check(chosen: argparse.Namespace) -> int:
    from supervisor.loader.load import load

    plan = load(chosen.site).plan
    print(f"{plan.site}: loads. {len(plan.signals)} signals, {len(plan.targets)} targets, {len(plan.rules)} limits,")
    print(f"{len(plan.permissions)} permissions, {len(plan.identities)} orchestrators.")
    return 0


def _status(chosen: argparse.Namespace) -> int:
    from supervisor.view import status

    return status(str(_socket(chosen)), chosen.watch)


VERBS = {"run": _run, "guardian": _guardian, "bus": _bus, "gateway": _gateway, "check": _check, "status": _status}

if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
