"""`python -m app bucket`: make the bucket ready for uploads from browsers."""

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.settings import StorageType


def bucket() -> None:
    """Create S3_BUCKET, and set its lifecycle and, with CORS_ORIGINS, its CORS rules."""
    settings = load_settings()
    if settings.storage_type is StorageType.LOCAL:
        raise CommandError("the embedded store is set up by `serve`; for another, STORAGE_TYPE=s3")
    from app.infrastructure.storage.bucket import set_up_bucket

    set_up_bucket(settings, settings.cors_origins)
