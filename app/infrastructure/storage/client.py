"""boto3 sessions and clients, configured once so that signing and calling agree."""

from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config

from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.credentials import SigningCredentials
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 3
"""botocore's `standard` retries: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""


def open_session(settings: Settings) -> boto3.Session:
    """A session on S3_ACCESS_KEY and S3_SECRET_KEY, or on boto3's own chain without them."""
    access_key, secret_key = settings.s3_access_key, settings.s3_secret_key
    return boto3.Session(
        aws_access_key_id=access_key.get_secret_value() if access_key else None,
        aws_secret_access_key=secret_key.get_secret_value() if secret_key else None,
        region_name=settings.s3_region,
    )


def calling_client(
    session: boto3.Session, settings: Settings, *, timeout: float | None = None
) -> "S3Client":
    """A client for S3_ENDPOINT_URL whose credentials refresh by themselves."""
    return session.client(
        "s3", endpoint_url=settings.s3_endpoint_url, config=client_config(settings, timeout=timeout)
    )


def signing_client(
    session: boto3.Session,
    settings: Settings,
    credentials: SigningCredentials,
    endpoint_url: str | None,
) -> "S3Client":
    """A client for that endpoint, AWS's for None, that signs with these credentials alone."""
    return session.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=client_config(settings),
    )


def client_config(settings: Settings, *, timeout: float | None = None) -> Config:
    """All the attempts of a call fit into `timeout` seconds, S3_TIMEOUT unless given.

    Without `s3v4` and the regional endpoint boto3 presigns SigV2 URLs for the global host.
    Without `when_required` it sends checksum trailers that other stores refuse. Endpoints come
    from the settings alone, not from AWS_ENDPOINT_URL.
    """
    each = (timeout or settings.s3_timeout) / ATTEMPTS
    return Config(
        signature_version="s3v4",
        s3={
            "addressing_style": addressing_style(settings),
            "us_east_1_regional_endpoint": "regional",
        },
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # stubs lack it
        connect_timeout=each,
        read_timeout=each,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=settings.s3_max_connections,
    )


def addressing_style(settings: Settings) -> Literal["path", "virtual"]:
    """S3_ADDRESSING_STYLE, or the provider's own for `auto`."""
    if settings.s3_addressing_style != "auto":
        return settings.s3_addressing_style
    return "virtual" if capabilities_of(settings).virtual_hosts else "path"
