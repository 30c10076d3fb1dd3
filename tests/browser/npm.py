"""The npm packages that package-lock.json pins, installed beside it, and what is made of them."""

import fcntl
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
MODULES = HERE / "node_modules"
INSTALLED = MODULES / ".package-lock.json"
"""npm's own note of what it installed, written last."""
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
INSTALL_TIMEOUT = 300
RUN_TIMEOUT = 120
"""Seconds; for slow machines with much else to do."""


class NpmMissingError(Exception):
    """needs npm: apt-get install npm"""

    def __str__(self) -> str:
        return str(self.__doc__)


@dataclass(frozen=True, slots=True)
class Npm:
    """Installed packages: their files, and their programs."""

    modules: Path

    def run(self, program: str, *given: str | Path) -> "subprocess.CompletedProcess[str]":
        """What the program of that name said and how it ended, run in this directory."""
        command = [str(self.modules / ".bin" / program), *map(str, given)]
        return _run(command, RUN_TIMEOUT)

    def bundle(self, script: Path, into: Path) -> Path:
        """One ES module of the script and all that it imports, under the same name."""
        done = self.run("esbuild", script, "--bundle", "--format=esm", f"--outdir={into}")
        if done.returncode:
            raise RuntimeError(done.stderr)
        return into / script.name


def installed() -> Npm:
    """What the lock file pins, installed unless it is. Raises NpmMissingError."""
    program = shutil.which("npm")
    if program is None:
        raise NpmMissingError
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two sessions at once would remove each other's files
        if not _is_current():
            done = _run([program, *INSTALL], INSTALL_TIMEOUT)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
    return Npm(MODULES)


def _is_current() -> bool:
    return INSTALLED.exists() and INSTALLED.stat().st_mtime >= LOCK.stat().st_mtime


def _run(command: list[str], timeout: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, timeout=timeout, check=False
    )
