"""`python -m app bucket`: make the bucket ready for uploads from browsers."""

import json
from typing import Annotated

import typer

from app.cli.configuration import load_settings
from app.cli.errors import CommandError
from app.settings import StorageType


def bucket(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Create S3_BUCKET, and set its lifecycle and, with CORS_ORIGINS, its CORS rules."""
    settings = load_settings()
    if settings.storage_type is StorageType.LOCAL:
        raise CommandError("the embedded store is set up by `serve`; for another, STORAGE_TYPE=s3")
    from app.infrastructure.storage.bucket import set_up_bucket

    set_up_bucket(settings, settings.cors_origins)
    name, origins = settings.s3_bucket, settings.cors_origins
    if as_json:
        print(json.dumps({"bucket": name, "cors_origins": origins}))
    else:
        print(f"{name} is ready for uploads from {', '.join(origins) or 'the origins it had'}.")
