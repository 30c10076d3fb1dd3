"""Readers of a service that is stopped, or killed, and comes back: nothing is missed."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.running import Service, running

pytestmark = pytest.mark.usefixtures("unmeasured")

FILE = {"filename": "a.txt", "type": "text/plain", "file_size": 5}
Event = dict[str, Any]


@contextmanager
def following(client: httpx.Client, last: str | None = None) -> Iterator[Iterator[Event]]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", "/files/stream", headers=headers) as answer:
        assert answer.status_code == 200
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            data = json.loads(fields["data"])
            yield {"position": fields["id"], "event": fields["event"], "file": data.get("id")}
            fields = {}


def created(client: httpx.Client) -> str:
    return str(client.post("/presigned-url", json=FILE).raise_for_status().json()["id"])


def failed(client: httpx.Client, file_id: str) -> None:
    client.put("/file-status", json={"id": file_id, "status": "failed"}).raise_for_status()


def stop(service: Service, events: Iterator[Event]) -> list[Event]:
    """What its streams still say when it is asked to stop: they have a proper end."""
    service.process.send_signal(signal.SIGTERM)
    said = list(events)
    service.wait_until_ended()
    return said


def kill(service: Service, events: Iterator[Event]) -> list[Event]:
    service.process.kill()
    service.wait_until_ended()
    said = []
    with suppress(httpx.TransportError):
        said += events
    return said


@pytest.mark.parametrize(("end", "workers"), [(stop, "2"), (kill, "1")])
def test_a_reader_outlives_the_service(tmp_path: Path, end: Any, workers: str) -> None:
    with running(tmp_path, WORKERS=workers) as service, service.client() as client:
        files = [created(client) for _ in range(3)]
        with following(client) as events:
            assert next(events)["event"] == "ready"
            failed(client, files[0])
            seen = [next(events)]
            failed(client, files[1])  # which is committed, read or not
            seen += end(service, events)

    with running(tmp_path, WORKERS=workers) as service, service.client() as client:
        failed(client, files[2])
        with following(client, seen[-1]["position"]) as events:
            while len(seen) < 3:
                seen.append(next(events))
    assert [event["file"] for event in seen] == files
