"""Remedies as lines of the AWS command line, which most S3 stores understand."""

import shlex

from app.settings import Settings


def s3api(settings: Settings, operation: str, *arguments: str) -> str:
    """A line for a shell that does that to the bucket of the settings."""
    words = ["aws", "s3api", operation, "--bucket", settings.s3_bucket]
    words += ["--region", settings.s3_region]
    if settings.s3_endpoint_url:
        words += ["--endpoint-url", settings.s3_endpoint_url]
    return shlex.join([*words, *arguments])


DOCTOR = "python -m app doctor --fix --only"
