"""The command ``powerwarden``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

EPILOG = """\
a first session:
  powerwarden check policies/uc001          is the site right, and what remains energised without us
  powerwarden run policies/uc001            supervise it; Ctrl-C stops
  powerwarden status --watch                the live view, from a second terminal
  powerwarden explain wallbox.current       why it does what it does, what clears it, what you can do
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
    _tls(run)
    _broker(run)
    check = verbs.add_parser("check", help="say what is wrong with a site, and what it does without us")
    check.add_argument("site", type=Path, help="the site's folder")
    check.add_argument("--strict", action="store_true", help="warnings count, too (exit code 1)")
    check.add_argument("--json", action="store_true", help="the same as data")
    status = verbs.add_parser("status", help="what the house is doing now")
    status.add_argument("--run-dir", type=Path, default=Path("run"), help="where the guardian's socket is (run)")
    status.add_argument("--watch", action="store_true", help="stay and show changes")
    guardian = _verb(verbs, "guardian", "only the guardian (used by run and by the systemd unit)", site=True)
    guardian.add_argument(
        "--gateway-user", metavar="NAME|UID", help="the gateway runs as this user, who may be gateway or view only"
    )
    bus = _verb(verbs, "bus", "only one bus process (used by run and by the systemd unit)", site=True)
    bus.add_argument("name", help="the bus, as site.yaml calls it")
    gateway = _verb(verbs, "gateway", "only the gateway (used by run and by the systemd unit)", site=False)
    gateway.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT", help="where to serve HTTP")
    _tls(gateway)
    _broker(gateway)
    replay = verbs.add_parser("replay", help="decide a recorded journal again, and compare byte for byte")
    replay.add_argument("journal", type=Path, help="a folder such as run/journal, or one segment of it")
    replay.add_argument(
        "--with", dest="other", type=Path, metavar="SITE", help="what the policies of this folder would have decided"
    )
    export = verbs.add_parser("export", help="the journal for another database, as lines on standard output")
    export.add_argument("journal", type=Path, help="a folder such as run/journal, or one segment of it")
    export.add_argument("--format", choices=["influx"], default="influx", help="InfluxDB's line protocol (influx)")
    export.add_argument("--since", metavar="TIME", help="how far to look back: 2d, 12h, 30min (all there is)")
    export.add_argument("--every", default="10s", metavar="TIME", help="one reading in so long; 0s for all (10s)")
    report = verbs.add_parser("report", help="what the house did or, in observe, would have done; and why")
    report.add_argument("--since", default="7d", metavar="TIME", help="how far to look back: 12h, 7d, 2w (7d)")
    report.add_argument("--run-dir", type=Path, default=Path("run"), help="where the journal is (run)")
    explain = verbs.add_parser(
        "explain", help="why a target does what it does: what happened, what clears it, what to do"
    )
    explain.add_argument("target", nargs="?", default="house", help="a target, a device, or house (house)")
    explain.add_argument("--at", metavar="TIME", help="then instead of now: 16:05, 2026-11-20T16:05 or -10min")
    explain.add_argument("--run-dir", type=Path, default=Path("run"), help="where the journal is (run)")
    explain.add_argument("--json", action="store_true", help="the same as data")
    draw = verbs.add_parser("draw", help="a site's buses, circuits, rules and machines as Markdown and Mermaid")
    draw.add_argument("site", type=Path, help="the site's folder")
    draw.add_argument("--out", type=Path, metavar="DIR", help="one file per page, and an index (one document, printed)")
    acl = verbs.add_parser("acl", help="the MQTT broker's access list, made from the site document")
    acl.add_argument("site", type=Path, help="the site's folder")
    acl.add_argument("--format", choices=["mosquitto"], default="mosquitto", help="for which broker (mosquitto)")
    _walk_verb(verbs)
    _keys(verbs)
    return top


def _walk_verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from supervisor.walk.options import describe

    describe(verbs.add_parser("walk", help="move each load, and prove that the expected sensor and contact answers"))


def _keys(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verbs that make or use a key, a certificate or a token."""
    ack = verbs.add_parser(
        "ack",
        help="acknowledge a nuisance latch with an installer's key, or make one",
        description="Acknowledges a nuisance latch whose cause has gone, with an installer's key; or makes such a key.",
    )
    ack.add_argument("rule", nargs="?", help="the latched row, such as limits.too_warm")
    ack.add_argument("--key", type=Path, metavar="FILE", help="the installer's private key")
    ack.add_argument("--new-key", type=Path, metavar="FILE", help="make a key; prints its line for site.yaml")
    ack.add_argument("--url", default="http://127.0.0.1:8080", help="the house's gateway (http://127.0.0.1:8080)")
    ack.add_argument("--site", metavar="NAME", help="sign only if the house has this name")
    certificate = verbs.add_parser("certificate", help="make the gateway's certificate for HTTPS, and its authority")
    certificate.add_argument(
        "--host", action="append", required=True, metavar="NAME", help="what clients call this machine; may be repeated"
    )
    certificate.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files are put")
    token = verbs.add_parser("token", help="make a token for an orchestrator, and its line for site.yaml")
    token.add_argument("name", help="the orchestrator, as site.yaml calls it")


def _tls(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--tls-cert", metavar="FILE", help="serve HTTPS with this certificate (powerwarden certificate)")
    verb.add_argument("--tls-key", metavar="FILE", help="and its key")


def _broker(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--mqtt-login", metavar="FILE", help="user:password at the site's MQTT broker, one line")
    verb.add_argument("--mqtt-ca", metavar="FILE", help="the authority of the broker's certificate (PEM)")


def _network(chosen: argparse.Namespace) -> list[str]:
    """What the gateway is told about certificates and the broker."""
    pairs = (("--mqtt-login", chosen.mqtt_login), ("--mqtt-ca", chosen.mqtt_ca))
    return _tls_chosen(chosen) + [word for option, value in pairs if value is not None for word in (option, value)]


def _tls_chosen(chosen: argparse.Namespace) -> list[str]:
    """As they were given: that they go together is the gateway's to say."""
    pairs = (("--tls-cert", chosen.tls_cert), ("--tls-key", chosen.tls_key))
    return [word for option, value in pairs if value is not None for word in (option, value)]


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


def _joined(argv: list[str]) -> list[str]:
    """``--at -10min`` is one option and its time, although the time looks like an option."""
    if "--at" not in argv[:-1]:
        return argv
    place = argv.index("--at")
    return [*argv[:place], f"--at={argv[place + 1]}", *argv[place + 2 :]]


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 well, 1 stopped with trouble, 2 a document or an argument is wrong."""
    chosen = parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    from supervisor.loader.documents import DocumentError

    try:
        return int(VERBS[chosen.verb](chosen))
    except DocumentError as error:
        print(f"powerwarden: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:  # somebody has read enough: `powerwarden check SITE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _socket(chosen: argparse.Namespace) -> Path:
    return Path(chosen.run_dir) / "guardian.sock"


def _log() -> None:
    from supervisor.lines import Lines

    logging.basicConfig(level=logging.INFO, handlers=[Lines()])


def _run(chosen: argparse.Namespace) -> int:
    """Start everything at once. Each child loads the documents for itself; the guardian's word about them counts."""
    from supervisor.launch import Child, Launcher
    from supervisor.loader.documents import parse, paths, read

    site = paths(chosen.site)[0]
    buses = parse(read(site), str(site)).need("buses", "list the buses").fields()
    shared = [str(chosen.site), "--run-dir", str(chosen.run_dir), *(["--observe"] if chosen.observe else [])]
    gateway = ["gateway", "--run-dir", str(chosen.run_dir), "--listen", chosen.listen, *_network(chosen)]
    children = [Child("guardian", ["guardian", *shared])]
    children += [Child(bus, ["bus", *shared, bus]) for bus in buses]
    children.append(Child("gateway", gateway))
    return Launcher(children, chosen.run_dir).run()


def _guardian(chosen: argparse.Namespace) -> int:
    from supervisor.guardian.main import gateway_user, run
    from supervisor.loader.load import load

    _log()
    try:
        gateway = gateway_user(chosen.gateway_user) if chosen.gateway_user is not None else None
    except ValueError as error:
        print(f"powerwarden: {error}", file=sys.stderr)
        return 2
    loaded = load(chosen.site, str(chosen.run_dir), chosen.observe)
    chosen.run_dir.mkdir(parents=True, exist_ok=True)
    return run(loaded, _socket(chosen), chosen.run_dir / "journal", chosen.run_dir, gateway)


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

    return run(["--socket", str(_socket(chosen)), "--listen", chosen.listen, *_network(chosen)])


def _acl(chosen: argparse.Namespace) -> int:
    from supervisor.acl import AclError, mosquitto
    from supervisor.loader.load import load

    try:
        print(mosquitto(load(chosen.site)), end="")
    except AclError as error:
        print(f"powerwarden acl: {error}", file=sys.stderr)
        return 2
    return 0


def _certificate(chosen: argparse.Namespace) -> int:
    from supervisor.certificate import certificate

    return certificate(chosen.host, chosen.out)


def _token(chosen: argparse.Namespace) -> int:
    from supervisor.certificate import token

    return token(chosen.name)


def _check(chosen: argparse.Namespace) -> int:
    from supervisor.check import report
    from supervisor.loader.load import DocumentError, load

    try:
        checked = report.check(load(chosen.site))
    except DocumentError as error:
        if not chosen.json:
            raise
        print(report.refused(error.file, error.line, error.message))
        return 2
    if chosen.json:
        print(report.data(checked, chosen.strict))
    else:
        report.show(report.text(checked, chosen.strict), sys.stdout)
    return checked.exit_code(chosen.strict)


def _status(chosen: argparse.Namespace) -> int:
    from supervisor.view import status

    return status(str(_socket(chosen)), chosen.watch)


def _replay(chosen: argparse.Namespace) -> int:
    from supervisor.replay.console import replay

    return replay(chosen.journal, chosen.other, print)


def _report(chosen: argparse.Namespace) -> int:
    from supervisor.replay.console import report

    return report(chosen.since, chosen.run_dir, print)


def _export(chosen: argparse.Namespace) -> int:
    from supervisor.export.main import run

    return run(chosen.journal, chosen.since, chosen.every, sys.stdout)


def _ack(chosen: argparse.Namespace) -> int:
    from supervisor import ack

    if chosen.new_key is not None and chosen.rule is None:
        return ack.new_key(chosen.new_key)
    if chosen.rule is None or chosen.key is None:
        print("powerwarden ack: name a rule and its --key FILE, or make a key with --new-key FILE", file=sys.stderr)
        return 2
    return ack.acknowledge(chosen.rule, chosen.key, chosen.url.rstrip("/"), chosen.site)


def _explain(chosen: argparse.Namespace) -> int:
    from supervisor.explain.main import run

    return run(chosen.target, chosen.at, chosen.run_dir, chosen.json)


def _draw(chosen: argparse.Namespace) -> int:
    from supervisor.draw.pages import run
    from supervisor.loader.load import load

    return run(load(chosen.site), chosen.out)


def _walk(chosen: argparse.Namespace) -> int:
    from supervisor.walk.main import run
    from supervisor.walk.options import asked

    return run(asked(chosen))


VERBS = {
    "run": _run,
    "check": _check,
    "status": _status,
    "walk": _walk,
    "explain": _explain,
    "draw": _draw,
    "replay": _replay,
    "report": _report,
    "export": _export,
    "ack": _ack,
    "guardian": _guardian,
    "bus": _bus,
    "gateway": _gateway,
    "acl": _acl,
    "certificate": _certificate,
    "token": _token,
}

if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
