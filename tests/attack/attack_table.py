"""The denial table: each attack, what the attacker sees, and what is counted. docs/denials.md is written from it.

An attack returns how often it did what it does, and the answers. ``counted`` of its row says which reasons together
grow by at least that, or by exactly that where ``exact``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from attack_house import TARGET, Answers, Connection, bearer, connections, request

SET = f"/v1/targets/{TARGET}/setpoint"
STOP = f"/v1/targets/{TARGET}/stop"
CAR = b'{"value": 10, "unit": "A"}'
BODY = 10_000_000  # bytes
HEAD = b"PUT " + SET.encode() + b" HTTP/1.1\r\nhost: x\r\n"
HAD_ENOUGH = ("closed",)

Ports = tuple[int, int]  # of the gateway: in clear text, and with TLS
Outcome = tuple[int, Answers]


async def wrong_tokens(ports: Ports, path: str = SET, method: str = "PUT", count: int = 10_000) -> Outcome:
    """On sixteen connections of one address, as fast as it is answered, each token another one."""
    answers: Answers = Counter()
    tokens = iter(range(count))

    async def guess(connection: Connection) -> None:
        for number in tokens:
            await connection.say(request(method, path, bearer(f"guess-{number}"), body=CAR))
            answers[await connection.answer()] += 1

    with connections() as connect:
        await asyncio.gather(*[guess(await connect("127.2.0.1", ports[0])) for _ in range(16)])
    return count, answers


async def wrong_stops(ports: Ports) -> Outcome:
    return await wrong_tokens(ports, STOP, "POST", 1_000)


async def no_token(ports: Ports) -> Outcome:
    answers: Answers = Counter()
    with connections() as connect:
        connection = await connect("127.2.0.2", ports[0])
        for _ in range(50):
            await connection.say(request("PUT", SET, body=CAR))
            answers[await connection.answer()] += 1
    return 50, answers


async def idle(ports: Ports) -> Outcome:
    """From twenty addresses, fifty each, none of which says anything. Those that are still there are no denials."""
    with connections() as connect:
        made: list[Connection] = []
        for _ in range(50):
            made += await asyncio.gather(*(connect(f"127.3.0.{1 + n}", ports[0]) for n in range(20)))
        ended = [await connection.closed() for connection in made]
    return sum(ended), Counter({"closed": sum(ended), "held": len(ended) - sum(ended)})


async def slow(ports: Ports) -> Outcome:
    """Heads and bodies a byte at a time, never to an end."""
    with connections() as connect:

        async def drip(source: str, begins: bytes) -> str:
            connection = await connect(source, ports[0])
            await connection.say(begins)
            ended = asyncio.ensure_future(connection.end())
            while not ended.done():
                await asyncio.wait([ended], timeout=1)
                await connection.say(b"a")
            return ended.result()

        body = HEAD + b"content-length: 1000\r\n\r\n"
        heads = [drip(f"127.4.0.{1 + n % 4}", HEAD + b"x: ") for n in range(60)]
        said = await asyncio.gather(*heads, *(drip(f"127.4.1.{1 + n % 4}", body) for n in range(60)))
    return len(said), Counter(said)


async def large(ports: Ports) -> Outcome:
    """By somebody with a right token; whoever has none is not even asked what he wants."""
    answers: Answers = Counter()
    with connections() as connect:
        for _ in range(15):
            connection = await connect("127.5.0.1", ports[0])
            ended = asyncio.ensure_future(connection.answer())
            await connection.say(
                request("PUT", SET, bearer("demo-phone"), length=BODY), *[b"a" * 100_000] * (BODY // 100_000)
            )
            answers[await ended] += 1
    return 15, answers


async def chunked(ports: Ports) -> Outcome:
    chunk = b"186a0\r\n" + b"a" * 100_000 + b"\r\n"
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    return await _each(ports[0], "127.5.1.1", 20, head, *[chunk] * (BODY // 100_000))


async def endless_head(ports: Ports) -> Outcome:
    return await _each(ports[0], "127.6.0.1", 30, HEAD, *[b"x-%d: %s\r\n" % (n, b"a" * 500) for n in range(1_000)])


async def pipelined(ports: Ports) -> Outcome:
    return await _each(ports[0], "127.7.0.1", 10, request("GET", "/healthz") * 200)


async def no_http(ports: Ports) -> Outcome:
    return await _each(ports[0], "127.8.0.1", 50, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")


async def bad_json(ports: Ports) -> Outcome:
    bodies = [b"{", b"[" * 5_000, b'{"value": NaN, "unit": "A"}', b'{"value": "12", "unit": "A"}', b"\xff\xfe", b"[]"]
    bodies += [b'{"value": true, "unit": "A"}', b'{"value": 1e999, "unit": "A"}', b'{"value": 1, "unit": "A", "x": 1}']
    answers: Answers = Counter()
    with connections() as connect:
        for body in bodies:
            connection = await connect("127.9.0.1", ports[0])
            await connection.say(request("PUT", SET, bearer("demo-phone"), body=body))
            answers[await connection.answer()] += 1
    return len(bodies), answers


async def bad_handshakes(ports: Ports) -> Outcome:
    """Nonsense, clear text, half a hello, and nothing at all."""
    said = [b"\x00" * 300, request("GET", "/v1/state"), b"\x16\x03\x01\x02\x00\x01\x00", b""]
    answers: Answers = Counter()
    with connections() as connect:

        async def shake(number: int) -> str:
            connection = await connect(f"127.10.0.{1 + number % 4}", ports[1])
            await connection.say(said[number % 4])
            return await connection.end()

        answers.update(await asyncio.gather(*(shake(number) for number in range(120))))
    return 120, answers


async def _each(port: int, source: str, count: int, *parts: bytes) -> Outcome:
    """The same on ``count`` connections, one after the other."""
    answers: Answers = Counter()
    with connections() as connect:
        for _ in range(count):
            connection = await connect(source, port)
            ended = asyncio.ensure_future(connection.end())
            await connection.say(*parts)
            answers[await ended] += 1
    return count, answers


@dataclass(frozen=True)
class Row:
    """``answers``: all that the attacker may be answered. ``counted``: each attempt counts under one of these."""

    attack: str
    run: Callable[[Ports], Awaitable[Outcome]]
    answers: tuple[str, ...]
    counted: tuple[str, ...]
    exact: bool = True
    tls: bool = False


TABLE = (
    Row("a write without a token", no_token, ("401 who_are_you",), ("who_are_you",)),
    Row("a body that is not what belongs there", bad_json, ("422 bad_body",), ("bad_body",)),
    Row("what is no HTTP", no_http, ("400 bound_syntax",), ("bound_syntax",)),
    Row("a 10 MB body that says its length", large, ("413 too_large", *HAD_ENOUGH), ("too_large",)),
    Row("a 10 MB body in chunks", chunked, ("411 bound_body", *HAD_ENOUGH), ("bound_body",)),
    Row("a head without an end", endless_head, ("431 bound_head", *HAD_ENOUGH), ("bound_head",)),
    Row("hundreds of requests in advance", pipelined, ("200", "400 bound_pipeline", *HAD_ENOUGH), ("bound_pipeline",)),
    Row("a thousand idle connections", idle, ("closed", "held"), ("bound_connections",), exact=False),
    Row("heads and bodies byte by byte", slow, ("401 who_are_you", *HAD_ENOUGH), ("bound_slow",)),
    Row(
        "ten thousand wrong tokens",
        wrong_tokens,
        ("401 who_are_you", "429 locked_out", "429 too_often"),
        ("who_are_you", "locked_out", "too_often"),
    ),
    Row(
        "wrong tokens that ask to stop",
        wrong_stops,
        ("401 who_are_you", "429 locked_out", "429 too_often"),
        ("who_are_you", "locked_out", "too_often"),
    ),
    Row("bad TLS handshakes", bad_handshakes, HAD_ENOUGH, ("tls_handshake",), tls=True),
)
