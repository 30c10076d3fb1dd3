"""What the store's clients may do, signed; nothing here calls the store."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from app.domain.file import UploadMethod
from app.domain.ports import Capabilities, SignedParts, SignedRequest, UploadSpec
from app.infrastructure.storage.capabilities import capabilities_of
from app.infrastructure.storage.rotation import RotatingSigner
from app.infrastructure.storage.signer import SignedHead, Signer
from app.settings import Settings

PARTS_AT_ONCE = 50
"""Signatures between two turns of the event loop: 0.1 ms of ours, 7 to 13 ms of boto3."""


class S3Presigning:
    """The signing half of an `ObjectStore`: inline, with the signer of the moment."""

    def __init__(
        self, settings: Settings, signers: RotatingSigner, clock: Callable[[], datetime]
    ) -> None:
        self._capabilities = capabilities_of(settings)
        self._signers = signers
        self._clock = clock

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def public_origin(self) -> str:
        """Scheme, host and port of every URL signed here, as browsers write it (RFC 6454).

        Raises `StorageUnavailable` when there are no credentials to sign with.
        """
        signer, now, _ = await self._signing(1)
        url = urlsplit(signer.presign("GET", "origin", expires_in=1, now=now))
        return f"{url.scheme}://{url.netloc}"

    async def presign_upload(
        self, spec: UploadSpec, method: UploadMethod, expires_in: int
    ) -> SignedRequest:
        """As the port says. Every header and field is signed; Content-Length is among them."""
        signer, now, lifetime = await self._signing(expires_in)
        sign = self._signed_form if method is UploadMethod.POST else self._signed_put
        return sign(spec, signer, now, lifetime)

    def _signed_put(
        self, spec: UploadSpec, signer: Signer, now: datetime, lifetime: int
    ) -> SignedRequest:
        signed = {"content-length": str(spec.size), "content-type": spec.type}
        sent = {"Content-Type": spec.type}
        if self._capabilities.write_once:
            signed["if-none-match"] = sent["If-None-Match"] = "*"
        if spec.checksum is not None:
            signed[spec.checksum.header] = sent[spec.checksum.header] = spec.checksum.value
        url = signer.presign("PUT", spec.key, headers=signed, expires_in=lifetime, now=now)
        return SignedRequest("PUT", url, now + timedelta(seconds=lifetime), headers=sent)

    def _signed_form(
        self, spec: UploadSpec, signer: Signer, now: datetime, lifetime: int
    ) -> SignedRequest:
        fields = {"Content-Type": spec.type, "success_action_status": "201"}
        if spec.checksum is not None:
            fields[spec.checksum.header] = spec.checksum.value
        sizes = (0 if spec.size_is_limit else spec.size, spec.size)
        form = signer.presign_post(
            spec.key, fields=fields, sizes=sizes, expires_in=lifetime, now=now
        )
        ends = now + timedelta(seconds=lifetime)
        return SignedRequest("POST", form.url, ends, fields=form.fields)

    async def presign_download(
        self, key: str, *, type: str, disposition: str, expires_in: int
    ) -> SignedRequest:
        """As the port says."""
        signer, now, lifetime = await self._signing(expires_in)
        answer = {"response-content-type": type, "response-content-disposition": disposition}
        url = signer.presign("GET", key, query=answer, expires_in=lifetime, now=now)
        return SignedRequest("GET", url, now + timedelta(seconds=lifetime))

    async def presign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], expires_in: int
    ) -> SignedParts:
        """As the port says."""
        signer, now, lifetime = await self._signing(expires_in)
        urls: list[str] = []
        for start in range(0, len(numbers), PARTS_AT_ONCE):
            some = numbers[start : start + PARTS_AT_ONCE]
            urls += signer.presign_parts(key, upload_id, some, expires_in=lifetime, now=now)
            await asyncio.sleep(0)
        return SignedParts(urls, now + timedelta(seconds=lifetime))

    async def _sign_head(self, key: str) -> SignedHead:
        """For the service itself to send to S3_ENDPOINT_URL at once, dated by the real time."""
        now = datetime.now(UTC).replace(microsecond=0)
        generation = await self._signers.current(now)
        return generation.internal.sign_head(key, now=now)

    async def _signing(self, expires_in: int) -> tuple[Signer, datetime, int]:
        """The signer, the second to sign at, and the seconds until URL or credentials end."""
        now = self._clock().replace(microsecond=0)
        generation = await self._signers.current(now)
        left = generation.ends - now
        return generation.signer, now, min(expires_in, int(left.total_seconds()))
