"""What /metrics says, alone and for several processes."""

import subprocess
import sys
from pathlib import Path

from app.infrastructure.metrics import UNMATCHED, Metrics


def lines(metrics: Metrics) -> list[str]:
    body, _ = metrics.expose()
    return [line for line in body.decode().splitlines() if not line.startswith("#")]


def value(metrics: Metrics, sample: str) -> float:
    return next(float(line.split()[-1]) for line in lines(metrics) if line.startswith(sample + " "))


def test_requests_by_route_method_and_status() -> None:
    metrics = Metrics()
    metrics.request("GET", "/files/{id}", 200, 0.02)
    metrics.request("GET", "/files/{id}", 200, 0.02)
    metrics.request("GET", "/files/{id}", 404, 3.0)
    requests = 'slipway_http_requests_total{method="GET",route="/files/{id}",status="%d"}'
    assert value(metrics, requests % 200) == 2
    assert value(metrics, requests % 404) == 1
    seconds = 'slipway_http_request_seconds_bucket{le="%s",method="GET",route="/files/{id}"}'
    assert value(metrics, seconds % "0.025") == 2
    assert value(metrics, seconds % "+Inf") == 3


def test_clients_cannot_invent_label_values() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics.request(f"METHOD{number}", UNMATCHED, 404, 0.01)
    sample = 'slipway_http_requests_total{method="other",route="unmatched",status="404"}'
    assert value(metrics, sample) == 50
    assert len(metrics._by_request) == 1


def test_what_the_services_report() -> None:
    metrics = Metrics()
    metrics.url_issued("PUT", "avatar")
    metrics.transition("pending", "uploaded")
    metrics.verification("refused")
    metrics.store_call("head", "ok", 0.1)
    metrics.rate_limited()
    metrics.rate_limit_store_error()
    for sample in (
        'slipway_urls_issued_total{method="PUT",policy="avatar"}',
        'slipway_transitions_total{from="pending",to="uploaded"}',
        'slipway_verifications_total{verdict="refused"}',
        'slipway_store_calls_total{operation="head",outcome="ok"}',
        'slipway_store_call_seconds_count{operation="head"}',
        "slipway_rate_limited_total",
        "slipway_rate_limit_store_errors_total",
    ):
        assert value(metrics, sample) == 1


def test_one_signer_is_active() -> None:
    metrics = Metrics()
    metrics.signer("sigv4")
    metrics.signer("boto3")
    assert value(metrics, 'slipway_signer_info{signer="sigv4"}') == 0
    assert value(metrics, 'slipway_signer_info{signer="boto3"}') == 1


def test_the_pool_is_asked_each_time() -> None:
    metrics = Metrics()
    status = {"size": 10, "checked_out": 3, "overflow": 0}
    metrics.watch_pool(lambda: status)
    pool = 'slipway_database_pool_connections{state="%s"}'
    assert value(metrics, pool % "checked_out") == 3
    status.update(checked_out=10, overflow=2)
    assert [value(metrics, pool % s) for s in ("size", "checked_out", "overflow")] == [10, 10, 2]


def test_applications_do_not_share_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.rate_limited()
    assert value(second, "slipway_rate_limited_total") == 0


def test_every_name_has_the_prefix() -> None:
    metrics = Metrics()
    metrics.request("GET", "/", 200, 0.1)
    _, content_type = metrics.expose()
    assert all(line.startswith("slipway_") for line in lines(metrics))
    assert content_type.startswith("text/plain")


_WORKER = """
from app.infrastructure.metrics import Metrics
metrics = Metrics()
metrics.request("GET", "/files", 200, 0.1)
metrics.watch_pool(lambda: {"size": 10})
metrics.signer("sigv4")
print(metrics.expose()[0].decode())
"""


def test_workers_count_together_and_the_dead_hold_no_connections(tmp_path: Path) -> None:
    for _ in range(2):
        output = subprocess.run(
            [sys.executable, "-c", _WORKER],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": "."},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        ).stdout
    assert 'slipway_http_requests_total{method="GET",route="/files",status="200"} 2.0' in output
    assert 'slipway_database_pool_connections{state="size"} 10.0' in output
    assert 'slipway_signer_info{signer="sigv4"} 1.0' in output
