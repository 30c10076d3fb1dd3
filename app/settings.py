"""Settings from the environment, `.env`, or a directory of secret files (one file per setting).

Every setting stands in `.env.example` with its default and its meaning; a test holds the two equal.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIN_SECRET_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key has at least 256 bits."""

_PLACEHOLDERS = ("change", "secret", "password", "example", "default", "insecure")


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class StorageType(StrEnum):
    LOCAL = "local"
    S3 = "s3"


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """All that can be configured. An empty value means the same as none."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    worker_concurrency: int = Field(10, ge=1, le=1000)
    worker_port: int = Field(0, ge=0, le=65535)
    data_dir: Path = Path(".data")
    max_request_bytes: int = Field(8 * 1024 * 1024, ge=1024)
    max_streams: int = Field(2000, ge=0)
    max_streams_per_owner: int = Field(100, ge=0)
    cors_origins: CommaSeparated = ()
    trusted_proxies: CommaSeparated = ()

    database_url: SecretStr | None = None
    database_pool_size: int = Field(10, ge=1)
    database_timeout: float = Field(5.0, gt=0)

    storage_type: StorageType = StorageType.LOCAL
    s3_bucket: str = "slipway"
    s3_region: str = "us-east-1"
    s3_endpoint_url: str | None = None
    s3_public_endpoint_url: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_addressing_style: Literal["auto", "path", "virtual"] = "auto"
    s3_provider: Literal["auto", "aws", "r2", "seaweedfs", "minio", "generic"] = "auto"
    s3_key_prefix: str = "uploads"
    s3_timeout: float = Field(10.0, gt=0)
    s3_complete_timeout: float = Field(60.0, gt=0)
    s3_max_connections: int = Field(32, ge=1)

    storage_events_secret: SecretStr | None = None
    storage_events_topics: CommaSeparated = ()
    s3_events_queue_url: str | None = Field(None, pattern=r"^https?://[^/]+/")

    webhook_allowed_networks: CommaSeparated = ()
    webhook_concurrency: int = Field(100, ge=1, le=1000)

    presign_expires_in: int = Field(900, ge=1, le=604800)
    upload_policies_file: Path | None = None

    jwt_secret: SecretStr | None = None
    jwt_algorithms: CommaSeparated = ()
    jwt_public_key: str | None = None
    jwt_jwks_url: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_leeway: int = Field(30, ge=0, le=300)

    rate_limit: str = "600/minute"
    rate_limit_storage_url: SecretStr | None = None

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read everything; `SECRETS_DIR` names the directory of secret files, if there is one."""
        directory = os.environ.get("SECRETS_DIR") or None
        return cls(_secrets_dir=directory, **overrides)

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @model_validator(mode="after")
    def _safe_in_production(self) -> Self:
        if self.is_production:
            problems = list(_unsafe(self))
            if problems:
                raise ValueError("not safe for ENVIRONMENT=production: " + "; ".join(problems))
        return self


def _unsafe(settings: Settings) -> list[str]:
    problems = []
    if not (settings.jwt_secret or settings.jwt_public_key or settings.jwt_jwks_url):
        problems.append("set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL")
    if settings.jwt_secret and _is_weak(settings.jwt_secret.get_secret_value()):
        problems.append(f"JWT_SECRET must be {MIN_SECRET_BYTES} random bytes or more")
    events_secret = settings.storage_events_secret
    if events_secret and _is_weak(events_secret.get_secret_value()):
        problems.append(f"STORAGE_EVENTS_SECRET must be {MIN_SECRET_BYTES} random bytes or more")
    if settings.storage_type is StorageType.LOCAL:
        problems.append("set STORAGE_TYPE=s3, the embedded store is for development")
    if settings.database_url is None:
        problems.append("set DATABASE_URL, the embedded PostgreSQL is for development")
    return problems


def _is_weak(secret: str) -> bool:
    lowered = secret.lower()
    return len(secret.encode()) < MIN_SECRET_BYTES or any(p in lowered for p in _PLACEHOLDERS)
