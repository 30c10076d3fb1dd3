"""What every measurement stands on: real engines of its own, migrated, gone afterwards."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.migrate import upgrade_database
from app.cli.token import issue_token
from app.infrastructure.development import with_jwt_secret
from app.infrastructure.embedded.stack import running_engines
from app.infrastructure.storage.bucket import set_up_bucket
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Stage:
    """Settings of running engines, and a directory for logs."""

    settings: Settings
    directory: Path

    def token_for(self, owner: str = "bench") -> str:
        return issue_token(self.settings, owner, expires_in=3600)

    @property
    def database_url(self) -> str:
        url = self.settings.database_url
        return url.get_secret_value() if url else ""


@contextmanager
def running_stage() -> Iterator[Stage]:
    """Both engines under a temporary DATA_DIR, with PostgreSQL's default durability."""
    _forget_settings()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        directory = Path(name)
        configured = with_jwt_secret(Settings(_env_file=None, data_dir=directory / "data"))
        with running_engines(configured) as settings:
            upgrade_database(settings)
            set_up_bucket(settings, ["*"])
            yield Stage(settings, directory)


def _forget_settings() -> None:
    """What the operator has set up must neither be measured nor be written to."""
    for name in (*Settings.model_fields, "secrets_dir"):
        os.environ.pop(name.upper(), None)
