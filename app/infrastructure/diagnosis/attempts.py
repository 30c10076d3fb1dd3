"""What nobody may do with a signed request: each attempt must end in a refusal."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.domain.checksum import Checksum
from app.domain.file import UploadMethod
from app.domain.ports import Assembly, SignedRequest
from app.infrastructure.diagnosis.http import Answer
from app.infrastructure.diagnosis.probe import BODY, EXPIRES_IN, OTHER, spec_of
from app.infrastructure.diagnosis.round_trip import send
from app.infrastructure.diagnosis.store import StoreAccess

Attempt = Callable[[StoreAccess, str], Awaitable[Answer]]
"""Does at a key what must be refused."""

PUT, POST = UploadMethod.PUT, UploadMethod.POST


async def _signed(
    access: StoreAccess, key: str, method: UploadMethod, checksum: Checksum | None = None
) -> SignedRequest:
    store = await access.store()
    return await store.presign_upload(spec_of(key, checksum), method, EXPIRES_IN)


def another_length(method: UploadMethod, body: bytes) -> Attempt:
    """Send that body where BODY was signed."""

    async def attempt(access: StoreAccess, key: str) -> Answer:
        return await send(access, await _signed(access, key, method), body)

    return attempt


async def another_type(access: StoreAccess, key: str) -> Answer:
    """A page where a text was signed."""
    signed = await _signed(access, key, PUT)
    return await send(
        access, replace(signed, headers={**signed.headers, "Content-Type": "text/html"})
    )


async def another_type_in_form(access: StoreAccess, key: str) -> Answer:
    """Likewise, by a form."""
    signed = await _signed(access, key, POST)
    return await send(
        access, replace(signed, fields={**signed.fields, "Content-Type": "text/html"})
    )


async def another_key(access: StoreAccess, key: str) -> Answer:
    """Write beside the key that was signed."""
    signed = await _signed(access, key, PUT)
    return await send(access, replace(signed, url=signed.url.replace(key, _beside(key))))


async def another_key_in_form(access: StoreAccess, key: str) -> Answer:
    """Likewise, by a form."""
    signed = await _signed(access, key, POST)
    return await send(access, replace(signed, fields={**signed.fields, "key": _beside(key)}))


async def read_another(access: StoreAccess, key: str) -> Answer:
    """Read an object by the URL of the key beside it."""
    await access.put(key)
    signed = await access.download(_beside(key))
    return await access.web.send("GET", signed.url.replace(_beside(key), key))


def _beside(key: str) -> str:
    """A key in the same folder, which the probe removes too."""
    return f"{key}-another"


def with_checksum(checksum: Checksum) -> Attempt:
    """Send BODY as if that were its checksum."""

    async def attempt(access: StoreAccess, key: str) -> Answer:
        return await send(access, await _signed(access, key, PUT, checksum))

    return attempt


def assembled_with(checksum: Checksum) -> Attempt:
    """Complete an upload of BODY as if that were its checksum."""

    async def attempt(access: StoreAccess, key: str) -> Answer:
        return await _assemble(access, key, checksum)

    return attempt


async def second_put(access: StoreAccess, key: str) -> Answer:
    """Replace what was written by the same URL."""
    signed = await _signed(access, key, PUT)
    await send(access, signed)
    return await send(access, signed, OTHER)


async def second_assembly(access: StoreAccess, key: str) -> Answer:
    """Complete a multipart upload onto an object."""
    await access.put(key)
    return await _assemble(access, key)


async def _assemble(access: StoreAccess, key: str, checksum: Checksum | None = None) -> Answer:
    """The completion of an upload of BODY in one part, told as an answer."""
    store, spec = await access.store(), spec_of(key, checksum)
    upload_id = await store.create_multipart(spec)
    signed = await store.presign_parts(key, upload_id, [1], EXPIRES_IN)
    await access.web.send("PUT", signed.urls[0], body=BODY)
    parts = [part async for page in store.parts(key, upload_id) for part in page]
    assembly = await store.complete_multipart(spec, upload_id, parts)
    return Answer(200 if assembly is Assembly.DONE else 412)
