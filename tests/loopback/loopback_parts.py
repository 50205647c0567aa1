"""A bench without a product, for tests of what the bench itself does; and a gateway that says what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hil.bench.loopback import LoopbackBench
from hil.house import load
from hil.scenario.model import Scenario

HOUSE = """\
title: A battery, a relay node and the sun
buses: [can0]
devices:
  battery: {sim: pylontech_can, bus: can0, soc: 55}
  relays: {sim: relaynode_can, bus: can0, contacts: 2, drop_out_ms: 8000}
plant: {pv_w: 5000, sun: {}}
"""


class HouseOnly(LoopbackBench):
    """Everything but the product."""

    def _start_product(self) -> None:
        """There is none."""

    def _wait_for_product(self) -> None:
        """Nobody to wait for."""


def house_scene(folder: Path, wall: str = "2026-06-21T12:00", house: str = HOUSE) -> Scenario:
    """A scenario of that house without events."""
    (folder / "house.yaml").write_text(house)
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "site.yaml").write_text("site: nobody starts this\n")
    return Scenario(
        name="a_scene",
        title="A scene",
        why="a test",
        path=folder / "a_scene.yaml",
        house_path=folder / "house.yaml",
        house=load(folder / "house.yaml"),
        site=folder / "site",
        hazards=(),
        benches=("loopback",),
        seed=1,
        wall=wall,
        length_ms=0,
        events=(),
        expectations=(),
    )


@contextmanager
def house_only(scenario: Scenario) -> Iterator[HouseOnly]:
    """That bench, open."""
    bench = HouseOnly()
    bench.open(scenario, 1)
    try:
        yield bench
    finally:
        bench.close()


@contextmanager
def gateway(answer: Callable[[str, str], tuple[int, bytes] | None]) -> Iterator[int]:
    """A server on loopback; ``answer`` gets method and path, None hangs up without a word. Yields its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = answer(self.command, self.path)
            if said is None:
                self.close_connection = True
                return
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(said[1])))
            self.end_headers()
            self.wfile.write(said[1])

        do_GET = do_PUT = do_POST = _any  # noqa: N815 - the library calls them so

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
