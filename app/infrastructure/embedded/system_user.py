"""Who PostgreSQL runs as when we are root, which it refuses to be."""

import logging
import os
import pwd
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.infrastructure.embedded.errors import EngineError

NAME = "slipway-postgres"

_READ_OTHERS = stat.S_IROTH
_SEARCH_OTHERS = stat.S_IXOTH

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SystemUser:
    uid: int
    gid: int


def unprivileged_user() -> SystemUser | None:
    """The dedicated system user when we are root (made if missing), else None: ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _create()
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=30)  # noqa: S603
        return pwd.getpwnam(NAME)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        raise EngineError(
            f"PostgreSQL does not run as root, and the system user {NAME} could not be made "
            f"({error}): start as another user, or set DATABASE_URL"
        ) from error


def give(tree: Path, user: SystemUser) -> None:
    """Make `user` the owner of `tree` and of all in it, links themselves included."""
    if tree.stat().st_uid != user.uid:
        for path in _walk(tree):
            os.chown(path, user.uid, user.gid, follow_symlinks=False)


def let_in(path: Path) -> None:
    """Let other users search (not list) the directories above `path` that forbid it."""
    for directory in path.resolve().parents:
        mode = directory.stat().st_mode
        if not mode & _SEARCH_OTHERS:
            directory.chmod(stat.S_IMODE(mode) | _SEARCH_OTHERS)
            _log.warning("root: opened %s for search, so that PostgreSQL can pass", directory)


def let_read(tree: Path) -> None:
    """Let other users read and run an installation that a strict umask kept to root."""
    if _is_open(tree):
        return
    for path in _walk(tree):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | _READ_OTHERS | (_SEARCH_OTHERS if mode & stat.S_IXUSR else 0))
    _log.warning("root: opened %s for reading, so that PostgreSQL can run", tree)


def _is_open(tree: Path) -> bool:
    wanted = _READ_OTHERS | _SEARCH_OTHERS
    return tree.stat().st_mode & wanted == wanted


def _walk(tree: Path) -> Iterable[Path]:
    yield from tree.rglob("*")
    yield tree
