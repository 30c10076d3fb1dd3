"""Secrets that development generates for itself, once, under DATA_DIR."""

import os
import secrets
import tempfile
from pathlib import Path

from pydantic import SecretStr

from app.settings import Settings

_KEPT_AS = "jwt_secret"
SUBJECT = "developer"
"""Whose files `make run` and the console's development token are for."""

TOKEN_LIFETIME = 24 * 3600
"""Seconds: a working day."""


def with_jwt_secret(settings: Settings) -> Settings:
    """The settings, with a generated JWT_SECRET if no key to verify tokens is configured.

    Settings for production always have one: they do not validate otherwise.
    """
    if settings.jwt_secret or settings.jwt_public_key or settings.jwt_jwks_url:
        return settings
    secret = secret_file(settings.data_dir, _KEPT_AS)
    return settings.model_copy(update={"jwt_secret": SecretStr(secret)})


def has_generated_secret(settings: Settings) -> bool:
    """Whether the service runs for development, on the secret that it generated for itself."""
    if settings.is_production or settings.jwt_secret is None:
        return False
    kept = settings.data_dir / _KEPT_AS
    try:
        return kept.read_text(encoding="utf-8") == settings.jwt_secret.get_secret_value()
    except OSError:
        return False


def secret_file(data_dir: Path, name: str) -> str:
    """The secret kept in `data_dir/name`: 64 URL-safe characters, generated on first use."""
    return keep(data_dir / name, secrets.token_urlsafe(48))


def keep(path: Path, content: str) -> str:
    """Write `content` to `path` (mode 0600) unless it exists, and return what it holds.

    Of two processes at once one wins, and both return the winner's content: the file appears
    whole or not at all, because link(2) never replaces an existing name.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path, content)
    return path.read_text(encoding="utf-8")


def _create(path: Path, content: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
