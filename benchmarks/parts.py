"""Ten thousand part URLs in one call, and ten thousand parts in one list."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from app.domain.parts import MAX_PARTS, MIB
from app.main import create_app
from benchmarks.client import Client
from benchmarks.report import Outcome, at_least, at_most
from benchmarks.servers import Server, slipway
from benchmarks.stage import Stage

ROUNDS = 15
COMPANION = 205.0
"""Microseconds for each URL of Uppy Companion 5.8's batch route, measured on two such cores."""

BEAT = 0.001
"""Seconds between two looks at the event loop."""

SENDERS = 8
WISH = {
    "filename": "film.mp4",
    "type": "video/mp4",
    "file_size": MAX_PARTS * 16 * MIB,
    "method": "multipart",
}
ALL = {"part_numbers": list(range(1, MAX_PARTS + 1))}


def measure(stage: Stage) -> list[Outcome]:
    """The targets of part URLs end to end, of the event loop under them, and of the list."""
    token = stage.token_for()
    with slipway(stage) as server, Client(server.port, token) as client:
        file = client.call("POST", "/presigned-url", WISH)
        each = _time_urls(client, file["id"])
        listing = _list(server, client, file)
    gap = asyncio.run(_longest_gap(stage, file["id"], token))
    print(f"\n{MAX_PARTS:,} part URLs: {each:.1f} µs each; event loop held {gap:.1f} ms at most")
    return [
        at_most("Part URL, end to end", each, 30, "µs"),
        at_least("Part URL, Companion / ours", COMPANION / each, 6),
        at_most("Event loop held by 10,000 part URLs", gap, 20, "ms"),
        *listing,
    ]


def _time_urls(client: Client, file_id: str) -> float:
    """Median microseconds of a URL, from the request to the last byte of the answer."""
    body = json.dumps(ALL).encode()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        client.send("POST", f"/files/{file_id}/parts", body, {"Content-Type": "application/json"})
        taken.append((time.perf_counter() - started) / MAX_PARTS * 1e6)
    return statistics.median(taken)


def _list(server: Server, client: Client, file: dict[str, Any]) -> list[Outcome]:
    """Send every part, of one byte, and list them: the time, and the memory that is kept for it."""
    urls = client.call("POST", f"/files/{file['id']}/parts", ALL)["parts"]
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(_send, [urls[first::SENDERS] for first in range(SENDERS)]))
    before = server.resident()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        held = client.call("GET", f"/files/{file['id']}/parts")
        taken.append(time.perf_counter() - started)
    if len(held["parts"]) != MAX_PARTS:
        raise RuntimeError(f"{len(held['parts'])} of {MAX_PARTS} parts are listed")
    grown = (server.resident() - before) / MIB
    print(f"\n{MAX_PARTS:,} parts listed in {statistics.median(taken):.2f} s, +{grown:.1f} MiB")
    return [at_most(f"Memory kept by {ROUNDS} lists of 10,000 parts", grown, 16, "MiB")]


def _send(parts: list[dict[str, Any]]) -> None:
    with Client(urlsplit(parts[0]["url"]).port or 80) as store:
        for part in parts:
            url = urlsplit(part["url"])
            store.send("PUT", f"{url.path}?{url.query}", b"x", {})


async def _longest_gap(stage: Stage, file_id: str, token: str) -> float:
    """Milliseconds between two turns of a task beside the call, in the service's own loop."""
    app = create_app(stage.settings.model_copy(update={"rate_limit": "", "log_level": "ERROR"}))
    async with app.router.lifespan_context(app):
        call = _call(app, f"/files/{file_id}/parts", json.dumps(ALL).encode(), token)
        await call()
        gaps = [await _gap_beside(call) for _ in range(ROUNDS)]
    return statistics.median(gaps) * 1000


async def _gap_beside(call: Callable[[], Awaitable[None]]) -> float:
    turns = [time.perf_counter()]

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT)
            turns.append(time.perf_counter())

    task = asyncio.create_task(beat())
    await call()
    await asyncio.sleep(BEAT)
    task.cancel()
    return max(later - earlier for earlier, later in pairwise(turns))


def _call(app: Any, path: str, body: bytes, token: str) -> Callable[[], Awaitable[None]]:
    """A POST straight into the application, whose answer is thrown away piece by piece."""
    headers = [
        (b"authorization", f"Bearer {token}".encode()),
        (b"content-type", b"application/json"),
    ]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }

    async def receive() -> dict[str, Any]:
        if sent:
            await asyncio.Event().wait()
        sent.append(True)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    sent: list[bool] = []

    async def call() -> None:
        sent.clear()
        await app({**scope}, receive, send)

    return call
