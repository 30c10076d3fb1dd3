"""The answers that Uppy reads, with the names that it knows."""

import math
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.domain.parts import StoredPart
from app.service.part_urls import IssuedParts
from app.service.presigned_url import Upload

_KEY = "uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d.mp4"
_ID = "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"
_PART_URL = "https://bucket.s3.eu-west-1.amazonaws.com/uploads/…?partNumber=1&X-Amz-Signature=…"
_ETAG = '"9b2cf535f27731c974343645a3985328"'


class UppyParamsResponse(BaseModel):
    """How to send a small file: a form, or a PUT where the store takes no forms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "method": "POST",
                    "url": "https://bucket.s3.eu-west-1.amazonaws.com/",
                    "fields": {
                        "Content-Type": "image/png",
                        "success_action_status": "201",
                        "key": "uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d.png",
                        "policy": "…",
                        "x-amz-signature": "…",
                    },
                    "headers": {},
                    "expires": 900,
                }
            ]
        }
    )

    method: str
    url: str
    fields: dict[str, str]
    headers: dict[str, str]
    expires: int = Field(description="Seconds from now.")

    @classmethod
    def of(cls, upload: Upload, now: datetime) -> "UppyParamsResponse":
        signed = upload.signed
        if signed is None:
            raise ValueError("a new upload in one request comes with that request")
        return cls.model_construct(
            method=signed.method,
            url=signed.url,
            fields=dict(signed.fields),
            headers=dict(signed.headers),
            expires=_left(signed.expires_at, now),
        )


class UppyUploadResponse(BaseModel):
    """`uploadId` is the id of the file, for `GET /files/{id}` as well."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"key": _KEY, "uploadId": _ID, "bucket": "bucket"}]}
    )

    key: str
    uploadId: str  # noqa: N815 -- Uppy's name
    bucket: str


class UppyPart(BaseModel):
    PartNumber: int
    ETag: str = Field(description="In quotes.")
    Size: int = Field(description="Bytes.")


class UppyPartsResponse(RootModel[list[UppyPart]]):
    """All that have arrived, ascending."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [[{"PartNumber": 1, "ETag": _ETAG, "Size": 5242880}]]}
    )

    @classmethod
    def of(cls, parts: Sequence[StoredPart]) -> "UppyPartsResponse":
        return cls.model_construct(
            [
                UppyPart.model_construct(
                    PartNumber=part.number, ETag=f'"{part.etag}"', Size=part.size
                )
                for part in parts
            ]
        )


class UppyPartUrlResponse(BaseModel):
    """A PUT of the part to `url`; no header needs to be sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": _PART_URL, "expires": 900}]})

    url: str
    expires: int = Field(description="Seconds from now.")

    @classmethod
    def of(cls, issued: IssuedParts, now: datetime) -> "UppyPartUrlResponse":
        return cls.model_construct(
            url=issued.signed.urls[0], expires=_left(issued.signed.expires_at, now)
        )


class UppyPartUrlsResponse(BaseModel):
    """The URLs by part number."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"presignedUrls": {"1": _PART_URL}, "expires": 900}]}
    )

    presignedUrls: dict[int, str]  # noqa: N815 -- Uppy's name
    expires: int = Field(description="Seconds from now.")

    @classmethod
    def of(cls, issued: IssuedParts, now: datetime) -> "UppyPartUrlsResponse":
        return cls.model_construct(
            presignedUrls=dict(zip(issued.numbers, issued.signed.urls, strict=True)),
            expires=_left(issued.signed.expires_at, now),
        )


class UppyCompletedResponse(BaseModel):
    """`location` is the address of the object; it takes a download URL to read it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "location": f"https://bucket.s3.eu-west-1.amazonaws.com/{_KEY}",
                    "key": _KEY,
                    "bucket": "bucket",
                }
            ]
        }
    )

    location: str
    key: str
    bucket: str


class UppyAbortedResponse(BaseModel):
    """Nothing more is to be said."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


def _left(expires_at: datetime, now: datetime) -> int:
    return max(0, math.ceil((expires_at - now).total_seconds()))
