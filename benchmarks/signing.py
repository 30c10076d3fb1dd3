"""The cost of signing: boto3 against the fast signer, for the same request at the same place.

`python -m benchmarks.signing` prints microseconds per signature; absolute figures drift, the
ratios hold.
"""

import timeit
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import boto3

from app.infrastructure.storage.boto_signer import Boto3Signer
from app.infrastructure.storage.client import signing_client
from app.infrastructure.storage.credentials import SigningCredentials
from app.infrastructure.storage.probe import fast_signer
from app.infrastructure.storage.signer import Signer
from app.settings import Settings, StorageType

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = "uploads/2026/11/21/0199f3ab-1234-7abc-8def-0123456789ab.png"
PUT = {"content-length": "12345", "content-type": "image/png", "if-none-match": "*"}
GET = {
    "response-content-type": "image/png",
    "response-content-disposition": "attachment; filename=\"cat.png\"; filename*=UTF-8''cat.png",
}
PART = {"partNumber": "7", "uploadId": "0123456789abcdef" * 8}
POST = {"Content-Type": "image/png", "success_action_status": "201"}

SIGNATURES: Mapping[str, Callable[[Signer], object]] = {
    "put": lambda signer: signer.presign("PUT", KEY, headers=PUT, expires_in=900, now=NOW),
    "get": lambda signer: signer.presign("GET", KEY, query=GET, expires_in=900, now=NOW),
    "part": lambda signer: signer.presign("PUT", KEY, query=PART, expires_in=900, now=NOW),
    "post": lambda signer: signer.presign_post(
        KEY, fields=POST, size=12345, expires_in=900, now=NOW
    ),
}


def measure() -> dict[str, dict[str, float]]:
    """`{kind: {"boto3": µs, "sigv4": µs, "ratio": boto3 / sigv4}}`, the best of five runs each."""
    slow, fast = signers()
    return {kind: _compare(sign, slow, fast) for kind, sign in SIGNATURES.items()}


def signers() -> tuple[Signer, Signer]:
    """boto3 and the fast signer on the same bucket."""
    settings = Settings(
        _env_file=None, storage_type=StorageType.S3, s3_region="eu-west-1", s3_bucket="slipway"
    )
    credentials = SigningCredentials(
        "AKIAIOSFODNN7EXAMPLE", "a-secret-key-of-forty-characters-or-so"
    )
    client = signing_client(boto3.Session(), settings, credentials)
    authority = Boto3Signer(client, settings.s3_bucket)
    return authority, fast_signer(authority, credentials, settings.s3_bucket)


def _compare(sign: Callable[[Signer], object], slow: Signer, fast: Signer) -> dict[str, float]:
    boto3_us = _microseconds(lambda: sign(slow), 200)
    sigv4_us = _microseconds(lambda: sign(fast), 5000)
    return {"boto3": boto3_us, "sigv4": sigv4_us, "ratio": boto3_us / sigv4_us}


def _microseconds(call: Callable[[], object], times: int) -> float:
    call()
    return min(timeit.repeat(call, number=times, repeat=5)) / times * 1e6


def main() -> None:
    print(f"{'µs':6}{'boto3':>8}{'sigv4':>8}{'ratio':>8}")
    for kind, found in measure().items():
        print(f"{kind:6}{found['boto3']:8.1f}{found['sigv4']:8.2f}{found['ratio']:8.1f}")


if __name__ == "__main__":
    main()
