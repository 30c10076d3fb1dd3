"""Whether development can keep its engines and secrets, and keeps them to itself."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from app.domain.diagnosis import Finding, Remedy, failure, ok, warning
from app.settings import Settings

SECRETS = ("jwt_secret", "seaweedfs/s3.json")
"""Files under DATA_DIR that nobody else may read."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def examine_data_dir(settings: Settings) -> list[Finding]:
    if settings.is_production:
        return [ok("Not in use: production keeps nothing in DATA_DIR.")]
    directory = settings.data_dir.resolve()
    problems = list(_unwritable(directory)) or list(_readable(directory))
    return problems or [ok(f"{directory} is writable, and its secrets are private.")]


def _unwritable(directory: Path) -> Iterator[Finding]:
    """A directory that is not there yet is made in the first one above it that is."""
    there = next(path for path in (directory, *directory.parents) if os.path.exists(path))
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield failure(
            f"DATA_DIR {directory} cannot be written.",
            why="The embedded engines and the generated secret have nowhere to be.",
            remedy=Remedy(text="Give it to this user, or name another.", command="DATA_DIR=…"),
        )


def _readable(directory: Path) -> Iterator[Finding]:
    for name in SECRETS:
        path = directory / name
        if path.is_file() and path.stat().st_mode & _OTHERS:
            yield warning(
                f"Other users may read {path}.",
                why="Whoever reads it can make tokens, or reach every file.",
                remedy=Remedy(
                    text="Close it; if others have been here, remove it and start anew.",
                    command=f"chmod 600 {path}",
                ),
            )
