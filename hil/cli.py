"""The command `powerwarden-rig`: run scenarios on a bench; or start a house of simulated devices, break them by hand,
and ask them what they saw. Verbs that run scenarios are in cli_run.py, `list` is in cli_list.py.

Rules: an error is one line that names the place and the remedy, on standard error, with exit code 2. Verbs that talk
to a running device print its answer as JSON. Heavy imports are made by the verb that needs them.
It must never import the product: the rig judges it from the wire.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hil import cli_list, cli_run
from hil.unix_socket import RigError, ask

EPILOG = """\
scenarios, judged from the wire:
  powerwarden-rig list scenarios                    what there is, and which hazard it shows
  powerwarden-rig run                               all of them in virtual time; pages in build/rig/index.html
  powerwarden-rig run --filter H05 --bench loopback those about a dying orchestrator, with real processes
  powerwarden-rig rehearse my_site                  what would happen in your own house, in plain words
  powerwarden-rig run --help                        more of it

a house to play with:
  powerwarden-rig house uc001 --dir run             start battery, relay node, meter and wallbox; Ctrl-C stops them
  powerwarden-rig house uc001 --dir run -- CMD      the same, with a command in it; everything stops when it ends
  powerwarden-rig state wallbox --dir run           what the wallbox does
  powerwarden-rig fault meter silent --dir run      the meter stops answering
  powerwarden-rig fault relays welded contact=2 --dir run
  powerwarden-rig fault meter clear --dir run       the meter is well again
  powerwarden-rig set plant load_w 3000 --dir run   a kettle on every phase
  powerwarden-rig set panel car_button 1 --dir run  press a button, where the house has a panel; 0 lets it go
  powerwarden-rig writes relays --dir run           every command that reached the relay node, with its time
  powerwarden-rig list simulators                   what can be broken and set

in the run directory: can0.sock (python-can: interface="canhub", channel="run/can0.sock"), can0.trace.jsonl (every
frame), gpio0.sock (gpiozero: hil.line_hub.HubFactory("run/gpio0.sock")), and for each device NAME.ctl (control, JSON
lines), NAME.trace.jsonl (writes, faults), NAME.pid, and NAME.tty for a device on a serial line. Times are monotonic
milliseconds of this machine.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    cut = words.index("--") if "--" in words else len(words)  # what follows is another program's business
    arguments = _parser().parse_args(words[:cut])
    arguments.command = words[cut + 1 :]
    verb: Callable[[argparse.Namespace], int] = arguments.verb
    try:
        return verb(arguments)
    except RigError as error:
        print(f"powerwarden-rig: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="powerwarden-rig",
        description="The test rig: scenarios for a house, simulated devices on real wires, judged from the wire.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    cli_run.add(verbs)
    _add_serving(verbs)
    _add_asking(verbs)
    _add_timeline(verbs)
    cli_list.add(verbs)
    return parser


def _add_serving(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    house = verbs.add_parser("house", help="start a whole house and stay until Ctrl-C")
    house.add_argument("house", metavar="HOUSE", help="a YAML file, or the name of a built-in house such as uc001")
    hub = verbs.add_parser("hub", help="one CAN hub alone")
    hub.add_argument("bus", help="its name: the socket becomes DIR/BUS.sock")
    plant = verbs.add_parser("plant", help="the plant of a house alone")
    sim = verbs.add_parser("sim", help="one device of a house alone")
    sim.add_argument("device", help="its name in the house file")
    for sub, verb in ((house, _house), (hub, _hub), (plant, _plant), (sim, _sim)):
        sub.set_defaults(verb=verb)
        sub.add_argument("--dir", required=True, help="run directory; made when it is missing")
        sub.add_argument("--ready-fd", type=int, help="write 'ready' to this descriptor as well")
        sub.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    for sub in (plant, sim):
        sub.add_argument("--house", required=True, help="the house it belongs to")
    for sub in (house, plant, sim):
        sub.add_argument("--port-base", type=int, help="move the lowest TCP port of the house to this one")


def _add_asking(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def verb(name: str, does: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text)
        sub.set_defaults(verb=does, what=name)
        sub.add_argument("device", metavar="DEVICE", help="its name in the house file, or plant")
        sub.add_argument("--dir", required=True, help="run directory of the house")
        return sub

    fault = verb("fault", _fault, "break a running device, or repair it: fault DEVICE clear [FAULT]")
    fault.add_argument("fault", metavar="FAULT", help="see `list`; or clear")
    fault.add_argument("parameters", metavar="K=V", nargs="*", help="parameters of the fault")
    settle = verb("set", _set, "change a physical fact of a running device, or of the plant")
    settle.add_argument("name", metavar="NAME", help="see `list`")
    settle.add_argument("value", metavar="VALUE")
    verb("state", _get, "what a running device believes and does")
    verb("writes", _get, "the writes and commands that reached a running device")
    verb("faults", _get, "what can be broken and set on a running device, and what is broken")


def _add_timeline(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    line = verbs.add_parser("timeline", help="look at a running house for a while and draw what happened, as an SVG")
    line.set_defaults(verb=_timeline)
    line.add_argument("--dir", required=True, help="run directory of the house")
    line.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    line.add_argument("--api", help="the product's HTTP API, such as http://127.0.0.1:8080, for lanes of its states")
    line.add_argument("--power", nargs="*", default=["grid L1", "car L1", "pv L1", "battery L1"], metavar="NAME")
    line.add_argument("--lane", nargs="*", default=["house"], metavar="MACHINE", help="such as house, bundle")
    line.add_argument("--title", help="what stands above the picture (default: the run directory)")
    line.add_argument("--out", default="timeline.svg", help="the picture (default timeline.svg)")


# -- verbs that serve --


def _begin(arguments: argparse.Namespace) -> str:
    """The run directory, made; and the promise to end with the house that started us."""
    if arguments.parent is not None:
        from hil.launch import die_with_parent

        die_with_parent(arguments.parent)
    try:
        os.makedirs(arguments.dir, exist_ok=True)
    except OSError as error:
        raise RigError(f"{arguments.dir}: cannot be a run directory ({error.strerror})") from None
    return str(os.path.abspath(arguments.dir))


def _ready(arguments: argparse.Namespace) -> None:
    if arguments.ready_fd is not None:
        os.write(arguments.ready_fd, b"ready\n")
    if arguments.parent is None:
        print("ready", flush=True)


def _house(arguments: argparse.Namespace) -> int:
    from hil.house import find, load
    from hil.launch import Launcher

    run_dir = _begin(arguments)
    path = find(arguments.house)
    log = open(os.path.join(run_dir, "rig.log"), "w", encoding="utf-8") if arguments.command else sys.stdout  # noqa: SIM115
    launcher = Launcher(
        load(path, arguments.port_base),
        path,
        run_dir,
        arguments.port_base,
        functools.partial(print, flush=True, file=log),
    )
    if not arguments.command:
        return asyncio.run(launcher.run(functools.partial(_ready, arguments)))
    return asyncio.run(launcher.run(lambda: None, arguments.command))


def _hub(arguments: argparse.Namespace) -> int:
    from hil.can_hub import Hub

    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: stop.append(got))
    run_dir = _begin(arguments)
    with open(os.path.join(run_dir, f"{arguments.bus}.trace.jsonl"), "a", encoding="utf-8") as trace:
        hub = Hub(os.path.join(run_dir, f"{arguments.bus}.sock"), trace)
        _ready(arguments)
        hub.serve(lambda: bool(stop))
        for name, count in hub.dropped().items():
            if count:
                print(f"{name} was too slow and lost {count} frames")
        hub.close()
    return 0


def _plant(arguments: argparse.Namespace) -> int:
    from hil.house import find, load
    from hil.plant import Plant
    from hil.sim.runner import PlantWire, run
    from hil.sim.wires import now_ms

    run_dir = _begin(arguments)
    house = load(find(arguments.house))
    plant = Plant(house.plant, house.seed, now_ms())
    asyncio.run(run(plant, lambda _ended: PlantWire(plant, run_dir), run_dir, functools.partial(_ready, arguments)))
    return 0


def _sim(arguments: argparse.Namespace) -> int:
    from hil.house import find, load
    from hil.sim.runner import run
    from hil.sim.wires import make_wire, now_ms

    run_dir = _begin(arguments)
    entry = load(find(arguments.house), arguments.port_base).entry(arguments.device)
    device = entry.make(now_ms())
    asyncio.run(
        run(
            device,
            functools.partial(make_wire, device, entry.link, run_dir),
            run_dir,
            functools.partial(_ready, arguments),
        )
    )
    return 0


# -- verbs that ask --


def _print_answer(arguments: argparse.Namespace, request: dict[str, object]) -> int:
    reply = ask(arguments.dir, arguments.device, request)
    if not reply.get("ok"):
        raise RigError(str(reply.get("error")))
    print(json.dumps(reply, indent=2))
    return 0


def _fault(arguments: argparse.Namespace) -> int:
    if arguments.fault == "clear":
        return _print_answer(arguments, {"clear": arguments.parameters[0] if arguments.parameters else True})
    parameters = {}
    for text in arguments.parameters:
        key, equals, value = text.partition("=")
        if not equals:
            raise RigError(f"{text}: a parameter is written NAME=VALUE, such as contact=2")
        parameters[key] = value
    return _print_answer(arguments, {**parameters, "fault": arguments.fault})


def _set(arguments: argparse.Namespace) -> int:
    return _print_answer(arguments, {"set": arguments.name, "value": arguments.value})


def _get(arguments: argparse.Namespace) -> int:
    return _print_answer(arguments, {"get": arguments.what})


def _timeline(arguments: argparse.Namespace) -> int:
    from rich.progress import Progress

    from hil.timeline import draw, record

    with Progress(transient=True) as progress:
        task = progress.add_task("looking", total=arguments.seconds)
        seen = record(
            arguments.dir, arguments.seconds, 0.2, arguments.api, lambda s: progress.update(task, completed=s)
        )
        moments = list(seen)
    picture = draw(moments, arguments.title or arguments.dir, arguments.power, arguments.lane)
    Path(arguments.out).write_text(picture, "utf-8")
    print(arguments.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
