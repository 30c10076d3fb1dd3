"""One service per data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.infrastructure.embedded.errors import EngineError


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` (made if missing) for this process, until the end or its death.

    Raises EngineError, which names the holder, when another process holds it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(_in_use(data_dir, file.name)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_locked(data_dir: Path) -> bool:
    """Whether a process holds `data_dir` at this moment."""
    try:
        with (data_dir / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _in_use(data_dir: Path, lock: str) -> str:
    holder = Path(lock).read_text(encoding="utf-8") or "unknown"
    return (
        f"{data_dir} is in use by a running service (process {holder}): "
        "stop that one, or set another DATA_DIR and PORT"
    )
