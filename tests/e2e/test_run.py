"""From one command to a completed file, over HTTP only, and what is left when it ends."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from app.infrastructure.embedded.processes import has_ended
from tests.e2e.running import COMMAND, ROOT, Service, environment, running, started
from tests.support.processes import engines_of, eventually

# Nothing is asked of either address: the service starts without its database and its store.
PRODUCTION = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://127.0.0.1:9/slipway",
    "STORAGE_TYPE": "s3",
    "S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef-x",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


def upload(service: Service, **variables: str) -> dict[str, object]:
    """Type the printed line into a shell, in the repository."""
    shell = subprocess.run(
        ["sh", "-c", service.upload_line],
        cwd=ROOT,
        env=environment(service.data_dir, **variables),
        capture_output=True,
        check=False,
    )
    assert shell.returncode == 0, (shell.stdout, shell.stderr)
    return dict(json.loads(shell.stdout))


def content_of(service: Service, record: dict[str, object]) -> bytes:
    with service.client() as http:
        answer = http.post(f"/files/{record['id']}/download-url", json={})
        assert answer.status_code == 200, answer.text
    return httpx.get(answer.json()["url"], trust_env=False).content


def requests_counted(service: Service, route: str) -> float:
    """Of all workers together: the connection decides which one is asked."""
    with service.client() as http:
        lines = http.get("/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith("slipway_http_requests_total")]
    return sum(float(line.split()[-1]) for line in counts if f'route="{route}"' in line)


def is_free(url: str) -> bool:
    address = httpx.URL(url)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError:
            return False
        return True


def assert_gone(family: list[psutil.Process], url: str) -> None:
    eventually(lambda: all(has_ended(member) for member in family), "all have ended")
    assert is_free(url)


def test_the_printed_line_uploads_the_readme(service: Service) -> None:
    record = upload(service)
    assert (record["status"], record["filename"]) == ("completed", "README.md")
    assert content_of(service, record) == (ROOT / "README.md").read_bytes()


@pytest.mark.parametrize("name", ['it\'s "odd" $HOME `x` [1-3] {a,b} é.png', "-T", "empty"])
def test_the_printed_line_uploads_any_file(service: Service, tmp_path: Path, name: str) -> None:
    content = b"" if name == "empty" else b"\x89PNG" * 1000
    (tmp_path / name).write_bytes(content)
    record = upload(service, F=str(tmp_path / name))
    assert (record["status"], record["filename"]) == ("completed", name)
    assert content_of(service, record) == content


def test_the_printed_line_says_what_was_refused(service: Service) -> None:
    line = service.upload_line.replace(service.token, "not.a.token")
    shell = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, check=False)
    assert json.loads(shell.stdout)["code"] == "unauthorized"


def test_the_token_command_serves_this_service(service: Service) -> None:
    token = subprocess.run(
        [sys.executable, "-m", "app", "token", "--sub", "alice"],
        cwd=service.directory,
        env=environment(service.data_dir),
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    headers = {"Authorization": f"Bearer {token.strip()}"}
    answer = httpx.get(f"{service.url}/files", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["items"]) == (200, [])


def test_it_is_ready_and_says_so(service: Service) -> None:
    with service.client() as http:
        assert http.get("/readyz").status_code == 200
        assert http.get("/docs").status_code == 200
        assert "server" not in http.get("/healthz").headers


def test_no_secret_is_on_a_command_line_or_in_the_log(service: Service) -> None:
    secret = (service.data_dir / "jwt_secret").read_text()
    keys = json.loads((service.data_dir / "seaweedfs" / "s3.json").read_text())
    store_secret = keys["identities"][0]["credentials"][0]["secretKey"]
    family = [service.process, *service.descendants()]
    seen = service.errors + " ".join(word for member in family for word in member.cmdline())
    assert secret not in seen
    assert store_secret not in seen
    assert service.token not in seen


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, "1"), (signal.SIGTERM, "2")])
def test_a_stop_leaves_nothing(number: signal.Signals, workers: str, tmp_path: Path) -> None:
    with running(tmp_path, WORKERS=workers) as service:
        family, url = service.descendants(), service.url
        service.process.send_signal(number)
        assert service.wait_until_ended() == 0
        assert_gone(family, url)


def test_a_stop_during_start_up_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path) as service:
        eventually(lambda: bool(engines_of(service.data_dir)), "the first engine starts")
        service.process.terminate()
        assert service.wait_until_ended() == 0
        assert not engines_of(service.data_dir)


def test_nothing_is_lost_by_kill_9(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        record = upload(service)
        service.process.kill()
        service.process.wait()
    with running(tmp_path) as service:
        with service.client() as http:
            assert http.get(f"/files/{record['id']}").json()["status"] == "completed"
        assert content_of(service, record) == (ROOT / "README.md").read_bytes()
        service.process.send_signal(signal.SIGHUP)  # as a terminal does when it is closed
        assert service.wait_until_ended() == 0


def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    with running(tmp_path, WORKERS="2") as service:
        assert upload(service)["status"] == "completed"
        assert requests_counted(service, "/file-status") == 2
        family, url = service.descendants(), service.url
        workers = [member for member in family if "spawn_main" in " ".join(member.cmdline())]
        assert len(workers) == 2
        service.process.kill()
        service.process.wait()
        assert_gone(family, url)


def test_the_service_does_not_outlive_make(tmp_path: Path) -> None:
    # `make run` adds this option: kill -9 of make must not leave the service behind.
    shell = f"{sys.executable} -m app serve --end-with-parent; true"
    with started(tmp_path, ["sh", "-c", shell]) as service:
        service.wait_until_ready()
        family, url = service.descendants(), service.url
        service.process.kill()
        service.process.wait()
        assert_gone(family, url)


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        with started(tmp_path, PORT=port) as service:
            assert service.wait_until_ended() == 2
            assert service.errors.count("\n") == 1
            assert port in service.errors
            assert not service.data_dir.exists()


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    with started(tmp_path, **PRODUCTION, UPLOAD_POLICIES_FILE="missing.toml") as service:
        assert service.wait_until_ended() == 2
        assert "missing.toml" in service.errors.splitlines()[-1]
        assert "Traceback" not in service.errors


def test_a_wrong_setting_is_known_before_the_workers_start(tmp_path: Path) -> None:
    with started(tmp_path, **PRODUCTION, WORKERS="2", RATE_LIMIT="nonsense") as service:
        assert service.wait_until_ended() == 2
        assert service.errors.startswith("slipway: RATE_LIMIT is 'nonsense'")
        assert service.errors.count("\n") == 1
        assert service.output == ""


def test_a_second_service_on_the_same_data_is_refused(service: Service) -> None:
    second = subprocess.run(
        COMMAND,
        cwd=service.directory,
        env=environment(service.data_dir),
        capture_output=True,
        check=False,
        text=True,
    )
    assert (second.returncode, second.stderr.count("\n")) == (2, 1)
    assert f"process {service.process.pid}" in second.stderr


def test_migrations_without_a_service(tmp_path: Path) -> None:
    migrate = subprocess.run(
        [sys.executable, "-m", "app", "migrate"],
        cwd=tmp_path,
        env=environment(tmp_path / "data"),
        capture_output=True,
        check=False,
    )
    assert migrate.returncode == 0, migrate.stderr
    assert not engines_of(tmp_path)
