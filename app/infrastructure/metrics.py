"""Prometheus metrics, all named `slipway_…`; labels hold only values known in advance.

With PROMETHEUS_MULTIPROC_DIR (an empty directory, set before Python starts) the workers of one
service count together: https://prometheus.github.io/client_python/multiprocess/
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)

UNMATCHED = "unmatched"
"""The route label of paths that no route has: a client must not be able to invent label values."""

PoolStatus = Callable[[], Mapping[str, int]]
"""Returns the number of connections by state."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """All metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        counter = partial(Counter, namespace="slipway", registry=registry)
        histogram = partial(Histogram, namespace="slipway", registry=registry)
        gauge = partial(Gauge, namespace="slipway", registry=registry)
        self._requests = counter("http_requests", "Requests", ["method", "route", "status"])
        self._request_seconds = histogram(
            "http_request_seconds", "Time to answer", ["method", "route"]
        )
        self._urls_issued = counter("urls_issued", "Signed upload URLs", ["method", "policy"])
        self._part_urls = counter("part_urls_issued", "Signed URLs of parts")
        self._transitions = counter("transitions", "Moves between states", ["from", "to"])
        self._verifications = counter("verifications", "Objects compared", ["verdict"])
        self._status_reports = counter(
            "status_reports", "Files reported by PUT /file-statuses", ["outcome"]
        )
        self._store_calls = counter("store_calls", "Calls to the store", ["operation", "outcome"])
        self._store_seconds = histogram(
            "store_call_seconds", "Time of calls to the store", ["operation"]
        )
        self._storage_events = counter("storage_events", "Events of the bucket", ["outcome"])
        self._queue_messages = counter(
            "event_queue_messages", "Messages of S3_EVENTS_QUEUE_URL", ["outcome"]
        )
        self._queue_errors = counter(
            "event_queue_errors", "Calls to S3_EVENTS_QUEUE_URL that failed"
        )
        self._streams = gauge("streams_open", "Streams now", multiprocess_mode="livesum")
        self._streams_ended = counter("streams_ended", "Streams that ended", ["reason"])
        self._webhook_attempts = counter(
            "webhook_attempts", "Attempts to deliver to webhooks", ["outcome"]
        )
        self._webhooks_disabled = counter(
            "webhooks_disabled", "Webhooks disabled because their endpoints fail"
        )
        self._webhook_backlog = gauge(
            "webhook_backlog", "Deliveries that wait", multiprocess_mode="mostrecent"
        )
        self._rate_limited = counter("rate_limited", "Requests refused with 429")
        self._limit_errors = counter(
            "rate_limit_store_errors", "Failures of the rate limit store; its requests passed"
        )
        self._signer = gauge(
            "signer_info", "1 for the signer in use", ["signer"], multiprocess_mode="livemax"
        )
        self._pool = gauge(
            "database_pool_connections", "By state", ["state"], multiprocess_mode="livesum"
        )
        self._jobs = counter("jobs", "Runs of jobs", ["job", "outcome"])
        self._job_seconds = histogram("job_seconds", "Time of a run", ["job"])
        self._queue = gauge(
            "queue_jobs", "Jobs by state", ["job", "status"], multiprocess_mode="mostrecent"
        )
        if not _is_multiprocess():  # it cannot speak for other processes
            ProcessCollector(namespace="slipway", registry=registry)
        self._by_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._signers: set[str] = set()
        self._pool_status: PoolStatus | None = None

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """An answered request; `route` is a template such as `/files/{id}`, or `UNMATCHED`."""
        key = (method if method in _METHODS else "other", route, status)
        children = self._by_request.get(key)
        if children is None:
            children = self._by_request[key] = self._request_children(*key)
        children[0].inc()
        children[1].observe(seconds)

    def url_issued(self, method: str, policy: str) -> None:
        self._urls_issued.labels(method, policy).inc()

    def part_urls_issued(self, count: int) -> None:
        self._part_urls.inc(count)

    def transition(self, from_status: str, to_status: str) -> None:
        self._transitions.labels(from_status, to_status).inc()

    def verification(self, verdict: str) -> None:
        self._verifications.labels(verdict).inc()

    def status_report(self, outcome: str) -> None:
        self._status_reports.labels(outcome).inc()

    def store_call(self, operation: str, outcome: str, seconds: float) -> None:
        self._store_calls.labels(operation, outcome).inc()
        self._store_seconds.labels(operation).observe(seconds)

    def storage_events(self, outcome: str, count: int) -> None:
        self._storage_events.labels(outcome).inc(count)

    def queue_messages(self, outcome: str, count: int) -> None:
        """What became of messages of the queue of bucket events."""
        self._queue_messages.labels(outcome).inc(count)

    def queue_error(self) -> None:
        self._queue_errors.inc()

    def stream_opened(self) -> None:
        self._streams.inc()

    def stream_ended(self, reason: str) -> None:
        self._streams.dec()
        self._streams_ended.labels(reason).inc()

    def webhook_attempt(self, outcome: str) -> None:
        self._webhook_attempts.labels(outcome).inc()

    def webhook_disabled(self) -> None:
        self._webhooks_disabled.inc()

    def webhook_backlog(self, count: float) -> None:
        """Deliveries that wait, NaN when nobody knows."""
        self._webhook_backlog.set(count)

    def rate_limited(self) -> None:
        self._rate_limited.inc()

    def rate_limit_store_error(self) -> None:
        self._limit_errors.inc()

    def signer(self, name: str) -> None:
        """`name` signs from now on."""
        self._signers.add(name)
        for known in self._signers:
            self._signer.labels(known).set(known == name)

    def job(self, name: str, outcome: str, seconds: float) -> None:
        """A run of a job that has ended."""
        self._jobs.labels(name, outcome).inc()
        self._job_seconds.labels(name).observe(seconds)

    def queue(self, counts: Mapping[tuple[str, str], int]) -> None:
        """The jobs in the queue by name and status; what is not counted is forgotten."""
        self._queue.clear()
        for (name, status), count in counts.items():
            self._queue.labels(name, status).set(count)

    def watch_pool(self, status: PoolStatus) -> None:
        """Report the database pool, asked anew whenever the metrics are."""
        self._pool_status = status

    def expose(self) -> tuple[bytes, str]:
        """The text exposition and its content type."""
        self._update_pool()
        return generate_latest(_all_processes() or self._registry), CONTENT_TYPE_LATEST

    def _request_children(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return (
            self._requests.labels(method, route, status),
            self._request_seconds.labels(method, route),
        )

    def _update_pool(self) -> None:
        if self._pool_status is not None:
            for state, value in self._pool_status().items():
                self._pool.labels(state).set(value)


def _is_multiprocess() -> bool:
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


def _all_processes() -> CollectorRegistry | None:
    """What every worker has written so far, or None when there is only this process."""
    if not _is_multiprocess():
        return None
    _forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _forget_the_dead(directory: Path) -> None:
    """Drop the gauges of workers that were killed; what they counted stays."""
    for file in directory.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _is_alive(pid):
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, so it lives
    return True
