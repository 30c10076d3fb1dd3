"""boto3 stays the authority: a fast signer that differs from it never signs."""

import dataclasses
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from app.domain.file import UploadMethod
from app.domain.ports import UploadSpec
from app.infrastructure.storage import probe
from app.infrastructure.storage.credentials import SigningCredentials
from app.infrastructure.storage.sigv4 import SigV4Signer
from app.settings import Settings
from tests.support.stores import open_store

SPEC = UploadSpec(key="k.txt", type="text/plain", size=0)


@pytest.fixture
def settings() -> Settings:
    return Settings(
        _env_file=None,
        storage_type="s3",
        s3_endpoint_url="http://127.0.0.1:9",
        s3_access_key="key",
        s3_secret_key="secret",
        s3_provider="seaweedfs",
    )


def _differ_in_forms(patch: pytest.MonkeyPatch) -> None:
    honest = SigV4Signer.presign_post

    def presign_post(self: SigV4Signer, *args: Any, **options: Any) -> Any:
        form = honest(self, *args, **options)
        return form._replace(fields={**form.fields, "policy": "another"})

    patch.setattr(SigV4Signer, "presign_post", presign_post)


def _differ_in_urls(patch: pytest.MonkeyPatch) -> None:
    honest = SigV4Signer.presign

    def presign(self: SigV4Signer, *args: Any, **options: Any) -> str:
        return honest(self, *args, **options).replace("Expires", "expires")

    patch.setattr(SigV4Signer, "presign", presign)


def _differ_in_heads(patch: pytest.MonkeyPatch) -> None:
    honest = SigV4Signer.sign_head

    def sign_head(self: SigV4Signer, *args: Any, **options: Any) -> Any:
        signed = honest(self, *args, **options)
        return dataclasses.replace(signed, headers={**signed.headers, "authorization": "another"})

    patch.setattr(SigV4Signer, "sign_head", sign_head)


def _differ_in_batches(patch: pytest.MonkeyPatch) -> None:
    honest = SigV4Signer.presign_parts

    def presign_parts(self: SigV4Signer, *args: Any, **options: Any) -> list[str]:
        return honest(self, *args, **options)[:1] * 2

    patch.setattr(SigV4Signer, "presign_parts", presign_parts)


def _cannot_be_made(patch: pytest.MonkeyPatch) -> None:
    def fast_signer(*_: object) -> SigV4Signer:
        raise KeyError("X-Amz-Credential")

    patch.setattr(probe, "fast_signer", fast_signer)


@pytest.fixture(
    params=[
        (_differ_in_forms, ["post"]),
        (_differ_in_urls, ["put", "get", "part"]),
        (_differ_in_heads, ["head"]),
        (_differ_in_batches, ["parts"]),
        (_cannot_be_made, ["put", "get", "head", "part", "parts", "post"]),
    ],
    ids=["forms", "urls", "heads", "batches", "none"],
)
def differing(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Spoils the fast signer; yields the kinds that it spoils."""
    spoil, kinds = request.param
    with pytest.MonkeyPatch.context() as patch:
        spoil(patch)
        yield kinds


async def test_the_fast_signer_signs_when_it_agrees(settings: Settings) -> None:
    signers: list[str] = []
    with capture_logs() as logs:
        async with open_store(settings, on_signer=signers.append):
            pass
    assert (signers, logs) == (["sigv4"], [])


async def test_boto3_signs_when_it_does_not(settings: Settings, differing: list[str]) -> None:
    signers: list[str] = []
    with capture_logs() as logs:
        async with open_store(settings, on_signer=signers.append) as store:
            put = await store.presign_upload(SPEC, UploadMethod.PUT, 60)
            post = await store.presign_upload(SPEC, UploadMethod.POST, 60)
            parts = await store.presign_parts("k", "upload", [2, 1], 60)
            get = await store.presign_download(
                "k", type="text/plain", disposition="inline", expires_in=60
            )
            head = await store._sign_head("k")
    assert signers == ["boto3"]
    assert [(log["log_level"], log["kinds"]) for log in logs] == [("warning", differing)]
    query = parse_qs(urlsplit(put.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host;if-none-match"]
    assert query["X-Amz-Expires"] == ["60"]
    assert list(post.fields)[:3] == ["Content-Type", "success_action_status", "key"]
    asked = [parse_qs(urlsplit(url).query) for url in parts.urls]
    assert [query["partNumber"] for query in asked] == [["2"], ["1"]]
    assert [query["X-Amz-SignedHeaders"] for query in asked] == [["host"], ["host"]]
    assert parse_qs(urlsplit(get.url).query)["response-content-disposition"] == ["inline"]
    assert "SignedHeaders=host;x-amz-checksum-mode;" in head.headers["authorization"]
    assert "secret" not in repr(logs)


async def test_a_probe_survives_the_turn_of_a_second(settings: Settings) -> None:
    class Late:
        """A signer that is wrong the first time, as when boto3's clock passes a second."""

        def __init__(self) -> None:
            self.answers = iter(["early", "right"])

        def presign(self, *_: object, **__: object) -> str:
            return next(self.answers)

    class Right:
        def presign(self, *_: object, **__: object) -> str:
            return "right"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "signed_at", lambda _: None)
        assert probe.agrees(probe.PROBES["put"], Late(), Right())


def test_an_address_that_does_not_end_in_the_key_is_not_signed_by_hand() -> None:
    class Elsewhere:
        def presign(self, *_: object, **__: object) -> str:
            return "https://host/k/more?X-Amz-Credential=key/20261121/region/s3/aws4_request"

    with pytest.raises(ValueError, match="key"):
        probe.fast_signer(Elsewhere(), SigningCredentials("key", "secret"), "bucket")
