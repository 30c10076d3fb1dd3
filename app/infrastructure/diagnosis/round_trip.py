"""A file's whole way by each method that the provider's profile claims, as clients go it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.checksum import Checksum
from app.domain.diagnosis import Finding, Remedy, failure, ok
from app.domain.file import UploadMethod
from app.domain.ports import Assembly, ObservedObject, SignedRequest, UploadSpec
from app.infrastructure.diagnosis.http import Answer
from app.infrastructure.diagnosis.probe import BODY, EXPIRES_IN, right_checksum, spec_of
from app.infrastructure.diagnosis.store import StoreAccess

_WHY = "Clients are told to do exactly this, and meet exactly this answer."


class Trouble(Exception):
    """A step that did not come to what it should."""

    def __init__(self, step: str, answer: Answer | str) -> None:
        self.what = f"{step}: {answer}."
        self.code = answer.code if isinstance(answer, Answer) else ""
        super().__init__(self.what)


async def examine_round_trip(access: StoreAccess) -> list[Finding]:
    """Everything is signed by the service's own adapter and sent to the public endpoint."""
    await access.tidy()
    results = [await _examine(way) for way in _ways(access)]
    failures = [finding for finding in results if finding is not None]
    if failures:
        return failures
    signed = await access.download(access.probes)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(signed.url))
    methods = ["PUT", *(["POST form"] if access.capabilities.post_form else []), "multipart"]
    return [ok(f"{', '.join(methods)}, GET, HEAD and DELETE work at {origin}.")]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to bring an object in."""

    access: StoreAccess
    method: UploadMethod
    checksum: Checksum | None = None

    @property
    def name(self) -> str:
        kind = {UploadMethod.PUT: "PUT", UploadMethod.POST: "POST form"}.get(
            self.method, "multipart"
        )
        return f"{kind} with {self.checksum.algorithm}" if self.checksum else kind


def _ways(access: StoreAccess) -> list[_Way]:
    provider = access.capabilities
    plain = [UploadMethod.PUT, UploadMethod.MULTIPART]
    if provider.post_form:
        plain.append(UploadMethod.POST)
    return [
        *(_Way(access, method) for method in plain),
        *(_Way(access, UploadMethod.PUT, right_checksum(a)) for a in sorted(provider.checksums)),
        *(
            _Way(access, UploadMethod.MULTIPART, right_checksum(a))
            for a in sorted(provider.multipart_checksums)
        ),
    ]


async def _examine(way: _Way) -> Finding | None:
    try:
        async with way.access.probe() as key:
            await _travel(way, spec_of(key, way.checksum))
    except Trouble as trouble:
        return failure(trouble.what, why=_WHY, remedy=_remedy(trouble))
    return None


async def _travel(way: _Way, spec: UploadSpec) -> None:
    """There, looked at, read, and gone again."""
    if way.method is UploadMethod.MULTIPART:
        await _send_parts(way, spec)
    else:
        await _send_whole(way, spec)
    store = await way.access.store()
    _compare(way, spec, await store.head(spec.key))
    await _read(way, spec)
    await store.delete(spec.key)
    if await store.head(spec.key) is not None:
        raise Trouble("DELETE", "the object is still there")


async def _send_whole(way: _Way, spec: UploadSpec) -> None:
    store = await way.access.store()
    signed = await store.presign_upload(spec, way.method, EXPIRES_IN)
    answer = await send(way.access, signed)
    if answer.status not in (200, 201, 204):
        raise Trouble(way.name, answer)


async def send(access: StoreAccess, signed: SignedRequest, body: bytes = BODY) -> Answer:
    """As a client does."""
    form = signed.fields if signed.method == "POST" else None
    return await access.web.send(
        signed.method, signed.url, headers=signed.headers, body=body, form=form
    )


async def _send_parts(way: _Way, spec: UploadSpec) -> None:
    store = await way.access.store()
    upload_id = await store.create_multipart(spec)
    signed = await store.presign_parts(spec.key, upload_id, [1], EXPIRES_IN)
    answer = await way.access.web.send("PUT", signed.urls[0], body=BODY)
    if answer.status != 200:
        raise Trouble(f"The part of a {way.name}", answer)
    parts = [part async for page in store.parts(spec.key, upload_id) for part in page]
    assembly = await store.complete_multipart(spec, upload_id, parts)
    if assembly is not Assembly.DONE:
        raise Trouble(f"The completion of a {way.name}", assembly.value)


def _compare(way: _Way, spec: UploadSpec, observed: ObservedObject | None) -> None:
    if observed is None:
        raise Trouble(f"HEAD after {way.name}", "the object is not there")
    if observed.size != spec.size:
        raise Trouble(f"HEAD after {way.name}", f"{observed.size} bytes, sent {spec.size}")
    if observed.type != spec.type:
        raise Trouble(f"HEAD after {way.name}", f"type {observed.type}, sent {spec.type}")


async def _read(way: _Way, spec: UploadSpec) -> None:
    signed = await way.access.download(spec.key)
    answer = await way.access.web.send("GET", signed.url, headers={"Range": "bytes=2-4"})
    if (answer.status, answer.body) != (206, BODY[2:5]):
        raise Trouble("GET with Range", answer)


def _remedy(trouble: Trouble) -> Remedy:
    text = _BY_CODE.get(trouble.code)
    if text is not None:
        return Remedy(text=text)
    return Remedy(
        text="Choose the profile of the store, or `generic`, which asks for the least.",
        command="S3_PROVIDER=generic",
    )


_PROXY = (
    "Let whatever stands before the store (a proxy, a CDN) pass on the Host header, the path, the "
    "query and the headers as they come, and set S3_PUBLIC_ENDPOINT_URL to its address."
)
_BY_CODE = {
    "SignatureDoesNotMatch": _PROXY,
    "AccessDenied": "See the bucket's policy: it refuses what the credentials may do.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
}
