"""The parts of a multipart upload as clients see them."""

from collections.abc import Iterator
from datetime import datetime

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.domain.client_parts import ClientParts
from app.domain.parts import PartPlan
from app.service.multipart import HeldParts
from app.service.part_urls import IssuedParts

PARTS_A_CHUNK = 500
"""URLs that are encoded at once: some 300 KB, less than a millisecond."""

PART: JsonDict = {
    "part_number": 1,
    "size": 16777216,
    "url": "https://bucket.s3.eu-west-1.amazonaws.com/uploads/…?partNumber=1&X-Amz-Signature=…",
}


class PartUrlResponse(BaseModel):
    """A PUT of exactly `size` bytes; no header needs to be sent."""

    part_number: int
    size: int | None = Field(description="Null where the client cuts the parts itself.")
    url: str


class MultipartResponse(BaseModel):
    """How the file is cut. `parts` and `next_part` are set only in the answer that issues URLs.

    An upload by way of Uppy is cut by the client: `part_size` and `part_count` are null.
    """

    part_size: int | None = Field(
        description="Bytes of every part but the last, which is the rest."
    )
    part_count: int | None
    parts: list[PartUrlResponse] = Field(
        default_factory=list,
        description="The first parts, up to 100 shared by the files of a batch, ready to be sent.",
    )
    next_part: int | None = Field(
        None, description="The first part that is not among them: ask `POST /files/{id}/parts`."
    )

    @classmethod
    def of(
        cls, plan: PartPlan | ClientParts, issued: IssuedParts | None = None
    ) -> "MultipartResponse":
        numbers = issued.numbers if issued else ()
        urls = issued.signed.urls if issued else ()
        count = plan.part_count or 0
        last = max(numbers, default=count)
        return cls.model_construct(
            part_size=plan.part_size,
            part_count=plan.part_count,
            parts=[
                PartUrlResponse.model_construct(part_number=n, size=plan.size_of(n), url=url)
                for n, url in zip(numbers, urls, strict=True)
            ],
            next_part=last + 1 if last < count else None,
        )


class PartUrlsResponse(BaseModel):
    """A URL for each part that was asked for, in that order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"parts": [PART], "expires_at": "2026-11-21T03:15:00Z"}]}
    )

    parts: list[PartUrlResponse]
    expires_at: datetime


class HeldPartResponse(BaseModel):
    part_number: int
    size: int
    etag: str


class HeldPartsResponse(BaseModel):
    """What the store holds. `missing` are the parts still to send, as [first, last] ranges."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "parts": [
                        {
                            "part_number": 1,
                            "size": 16777216,
                            "etag": "9b2cf535f27731c974343645a3985328",
                        }
                    ],
                    "missing": [[2, 64]],
                    "uploaded_bytes": 16777216,
                }
            ]
        }
    )

    parts: list[HeldPartResponse]
    missing: list[tuple[int, int]] = Field(
        description="Parts that are not there, or of another size than planned; none are told "
        "where the client cuts the parts itself."
    )
    uploaded_bytes: int = Field(description="The sum of the parts that need not be sent again.")


def part_urls_json(issued: IssuedParts) -> Iterator[bytes]:
    """A `PartUrlsResponse` in pieces: ten thousand URLs are 6 MB, and models of them twice that."""
    yield b'{"parts":['
    plan = issued.record.plan
    pairs = list(zip(issued.numbers, issued.signed.urls, strict=True))
    for start in range(0, len(pairs), PARTS_A_CHUNK):
        chunk = [
            {"part_number": number, "size": plan.size_of(number), "url": url}
            for number, url in pairs[start : start + PARTS_A_CHUNK]
        ]
        yield (b"," if start else b"") + orjson.dumps(chunk)[1:-1]
    yield b'],"expires_at":' + orjson.dumps(issued.signed.expires_at, option=orjson.OPT_UTC_Z)
    yield b"}"


def held_parts_json(held: HeldParts) -> Iterator[bytes]:
    """A `HeldPartsResponse` in pieces."""
    yield b'{"parts":['
    for start in range(0, len(held.parts), PARTS_A_CHUNK):
        chunk = [
            {"part_number": part.number, "size": part.size, "etag": part.etag}
            for part in held.parts[start : start + PARTS_A_CHUNK]
        ]
        yield (b"," if start else b"") + orjson.dumps(chunk)[1:-1]
    rest = {"missing": held.missing, "uploaded_bytes": held.uploaded_bytes}
    yield b"]," + orjson.dumps(rest)[1:]
