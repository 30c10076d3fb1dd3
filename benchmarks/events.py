"""Events of files whose bytes have arrived, by HTTP and by SQS, and the store's own HEAD rate."""

import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.infrastructure.storage.client import calling_client, open_session
from benchmarks.client import Client
from benchmarks.driver import drive, http_request
from benchmarks.queue import running_queue
from benchmarks.report import Outcome, at_least
from benchmarks.servers import Server, slipway, worker
from benchmarks.stage import Stage

SECRET = "between-the-store-and-the-benchmark"
ROUNDS = 3
FILES = 1000
SENDERS = 8
CONNECTIONS = 16
PATIENCE = 120.0
_DONE = re.compile(rb'slipway_event_queue_messages_total{outcome="done"} (\S+)')
TARGET = 500
"""Events a second on one worker, unless the store answers fewer HEADs."""


def measure(stage: Stage) -> list[Outcome]:
    """Each event is of another pending file, which is verified and moved."""
    settings = stage.settings.model_copy(update={"storage_events_secret": SecretStr(SECRET)})
    stage = replace(stage, settings=settings)
    with slipway(stage) as server:
        _one_by_one(stage, server, _uploaded(stage, server))  # warm up
        single = _median(stage, server, _one_by_one)
        batch = _median(stage, server, _all_at_once)
        cpu = _cpu(stage, server)
        heads = _head_rate(stage, _uploaded(stage, server))
        queued, queued_cpu = _from_a_queue(stage, _uploaded(stage, server))
    print(
        f"\nPOST /storage-events: {single:.0f} events/s one by one, {batch:.0f} in bodies of "
        f"{FILES:,} ({cpu:.0f} µs of CPU each); the store answers {heads:.0f} HEADs/s"
    )
    print(f"SQS consumer: {queued:.0f} messages/s, {queued_cpu:.0f} µs of the worker's CPU each")
    target = min(TARGET, heads)
    return [
        at_least("Bucket events, one by one", single, target, "/s"),
        at_least(f"Bucket events, {FILES:,} in a body", batch, target, "/s"),
    ]


def _median(
    stage: Stage, server: Server, send: Callable[[Stage, Server, Sequence[str]], float]
) -> float:
    return statistics.median(send(stage, server, _uploaded(stage, server)) for _ in range(ROUNDS))


def _cpu(stage: Stage, server: Server) -> float:
    """µs of the service's CPU for an event in a large body, its HEAD included."""
    keys = _uploaded(stage, server)
    before = server.cpu()
    _all_at_once(stage, server, keys)
    return (server.cpu() - before) / FILES * 1e6


def _uploaded(stage: Stage, server: Server) -> list[str]:
    """Keys of new records whose bytes are in the store."""
    wish = {"filename": "hello.txt", "type": "text/plain", "file_size": 5}
    with Client(server.port, stage.token_for()) as client:
        files = client.call("POST", "/presigned-urls", {"files": [wish] * FILES})["items"]
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(_send, [files[first::SENDERS] for first in range(SENDERS)]))
    return [file["key"] for file in files]


def _send(files: Sequence[dict[str, Any]]) -> None:
    with Client(urlsplit(files[0]["url"]).port or 80) as store:
        for file in files:
            url = urlsplit(file["url"])
            store.send("PUT", f"{url.path}?{url.query}", b"hello", file["headers"])


def _one_by_one(stage: Stage, server: Server, keys: Sequence[str]) -> float:
    """Events a second, each in a body of its own, as stores send them."""
    requests = [
        http_request("POST", "/storage-events", _body(stage, [key]), token=SECRET) for key in keys
    ]
    return drive(server.port, *requests, connections=CONNECTIONS).rate


def _all_at_once(stage: Stage, server: Server, keys: Sequence[str]) -> float:
    content = json.dumps(_body(stage, keys)).encode()
    with Client(server.port, SECRET) as client:
        started = time.perf_counter()
        answer = client.send(
            "POST", "/storage-events", content, {"Content-Type": "application/json"}
        )
        took = time.perf_counter() - started
    if json.loads(answer) != {"outcomes": {"verified": len(keys)}}:
        raise RuntimeError(f"not every event was verified: {answer!r}")
    return len(keys) / took


def _body(stage: Stage, keys: Sequence[str]) -> dict[str, Any]:
    bucket = {"name": stage.settings.s3_bucket}
    name = "ObjectCreated:Put"
    return {
        "Records": [
            {"eventName": name, "s3": {"bucket": bucket, "object": {"key": k}}} for k in keys
        ]
    }


def _from_a_queue(stage: Stage, keys: Sequence[str]) -> tuple[float, float]:
    """Messages a second that one worker deals with, of one event each, and µs of its CPU."""
    with running_queue(stage) as queue:
        queue.tell([json.dumps(_body(stage, [key])) for key in keys])
        working = worker(stage, S3_EVENTS_QUEUE_URL=queue.url)
        with working as server, Client(server.port) as probes:
            first, started, cpu = _wait_for_done(probes, 1), time.perf_counter(), server.cpu()
            count = _wait_for_done(probes, len(keys)) - first
            took, cpu = time.perf_counter() - started, server.cpu() - cpu
        if left := queue.left():
            raise RuntimeError(f"{left} messages were left")
    return count / took, cpu / count * 1e6


def _wait_for_done(probes: Client, count: int) -> int:
    """How many are done, as soon as that is `count` or more."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = _DONE.search(probes.send("GET", "/metrics", b"", {}))
        done = int(float(found[1])) if found else 0
        if done >= count:
            return done
        time.sleep(0.2)  # each answer costs the worker milliseconds
    raise RuntimeError(f"{count} messages were not done in {PATIENCE:.0f} seconds")


def _head_rate(stage: Stage, keys: Sequence[str]) -> float:
    """HEADs a second that the store itself answers, to a client that does nothing else."""
    settings = stage.settings
    client = calling_client(open_session(settings), settings)
    urls = [
        urlsplit(
            client.generate_presigned_url(
                "head_object", Params={"Bucket": settings.s3_bucket, "Key": key}
            )
        )
        for key in keys
    ]
    client.close()
    requests = [
        f"HEAD {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n" for url in urls
    ]
    return drive(urls[0].port or 80, *requests, connections=CONNECTIONS).rate
