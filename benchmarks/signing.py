"""The cost of signing: boto3 against the fast signer, for the same request at the same place.

Microseconds per signature drift from machine to machine, the ratios hold. Part URLs are also signed
10,000 at once, the most that one call may ask for.
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
from benchmarks.report import Outcome, at_least, at_most
from benchmarks.stage import Stage

NOW = datetime.now(UTC).replace(microsecond=0)
KEY = "uploads/2026/11/21/0199f3ab-1234-7abc-8def-0123456789ab.png"
PUT = {"content-length": "12345", "content-type": "image/png", "if-none-match": "*"}
GET = {
    "response-content-type": "image/png",
    "response-content-disposition": "attachment; filename=\"cat.png\"; filename*=UTF-8''cat.png",
}
UPLOAD = "0123456789abcdef" * 8
NUMBERS = range(1, 10_001)
PART = {"partNumber": "7", "uploadId": UPLOAD}
POST = {"Content-Type": "image/png", "success_action_status": "201"}

SIGNATURES: Mapping[str, Callable[[Signer], object]] = {
    "put": lambda signer: signer.presign("PUT", KEY, headers=PUT, expires_in=900, now=NOW),
    "get": lambda signer: signer.presign("GET", KEY, query=GET, expires_in=900, now=NOW),
    "part": lambda signer: signer.presign("PUT", KEY, query=PART, expires_in=900, now=NOW),
    "post": lambda signer: signer.presign_post(
        KEY, fields=POST, sizes=(12345, 12345), expires_in=900, now=NOW
    ),
}


def measure(_stage: Stage) -> list[Outcome]:
    """How many signatures the fast signer makes while boto3 makes one; the best of five runs."""
    slow, fast = signers()
    print(f"\n{'Signing, µs':16}{'boto3':>8}{'sigv4':>8}{'ratio':>8}")
    compared = [_compare(kind, sign, slow, fast) for kind, sign in SIGNATURES.items()]
    return [*compared, _batch(fast)]


def signers() -> tuple[Signer, Signer]:
    """boto3 and the fast signer on the same bucket."""
    settings = Settings(
        _env_file=None, storage_type=StorageType.S3, s3_region="eu-west-1", s3_bucket="slipway"
    )
    credentials = SigningCredentials(
        "AKIAIOSFODNN7EXAMPLE", "a-secret-key-of-forty-characters-or-so"
    )
    client = signing_client(boto3.Session(), settings, credentials, settings.s3_endpoint_url)
    authority = Boto3Signer(client, settings.s3_bucket)
    return authority, fast_signer(authority, credentials, settings.s3_bucket)


def _compare(kind: str, sign: Callable[[Signer], object], slow: Signer, fast: Signer) -> Outcome:
    boto3_us = _microseconds(lambda: sign(slow), 200)
    sigv4_us = _microseconds(lambda: sign(fast), 5000)
    ratio = boto3_us / sigv4_us
    print(f"{kind:16}{boto3_us:8.1f}{sigv4_us:8.2f}{ratio:8.1f}")
    return at_least(f"Signing ({kind}), time of boto3 / ours", ratio, 15)


def _batch(signer: Signer) -> Outcome:
    def sign() -> object:
        return signer.presign_parts(KEY, UPLOAD, NUMBERS, expires_in=900, now=NOW)

    return at_most("Signing 10,000 parts, each", _microseconds(sign, 1) / len(NUMBERS), 8, "µs")


def _microseconds(call: Callable[[], object], times: int) -> float:
    call()
    return min(timeit.repeat(call, number=times, repeat=5)) / times * 1e6
