"""What a client asks for when it wants to upload one file or many."""

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StrictInt,
    model_validator,
)
from pydantic.config import JsonDict

from app.domain.checksum import Checksum, ChecksumAlgorithm, check_checksum
from app.domain.filename import MAX_LENGTH, normalise_filename
from app.domain.media_type import normalise_type
from app.domain.policy import MAX_EXPIRES_IN
from app.domain.upload_request import (
    MAX_METADATA_BYTES,
    RequestedMethod,
    UploadRequest,
    check_metadata,
)
from app.schemas.request.body import RequestBody

MAX_BATCH = 1000

EXAMPLE: JsonDict = {"filename": "cat.png", "type": "image/png", "file_size": 12345}


def _is_no_flood(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes in all")
    return value


def _checked_metadata(value: dict[str, str]) -> dict[str, str]:
    check_metadata(value)
    return value


class ChecksumRequest(RequestBody):
    """The digest of the whole file; signed, so the store itself refuses other bytes."""

    algorithm: ChecksumAlgorithm
    value: str = Field(description="The digest in base64.", max_length=64)

    @model_validator(mode="after")
    def _is_digest(self) -> Self:
        check_checksum(self.algorithm, self.value)
        return self

    def to_domain(self) -> Checksum:
        return Checksum(self.algorithm, self.value)


class PresignedUrlRequest(RequestBody):
    """One file to upload. Names are snake_case; `fileName`, `fileType`, `fileSize` work too."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    filename: Annotated[str, AfterValidator(normalise_filename)] = Field(
        validation_alias=AliasChoices("filename", "fileName"),
        description=(
            f"1 to {MAX_LENGTH} characters after NFC normalisation, without control characters "
            "or path separators. Kept as metadata and download name, never as a path."
        ),
        json_schema_extra={"minLength": 1, "maxLength": MAX_LENGTH},
    )
    type: Annotated[str, AfterValidator(normalise_type)] = Field(
        validation_alias=AliasChoices("type", "file_type", "fileType"),
        description="The media type, `type/subtype`, allowed by the policy.",
    )
    file_size: StrictInt = Field(
        ge=0,
        validation_alias=AliasChoices("file_size", "fileSize"),
        description="Exact size in bytes. The store refuses any other.",
    )
    method: RequestedMethod = Field(
        RequestedMethod.PUT,
        description=(
            "`PUT` (one request), `POST` (a browser form), `multipart` (in parts, up to the "
            "store's largest object) or `auto` (the service decides by the size)."
        ),
    )
    checksum: ChecksumRequest | None = None
    metadata: Annotated[
        dict[str, str], BeforeValidator(_is_no_flood), AfterValidator(_checked_metadata)
    ] = Field(
        default_factory=dict,
        description=f"Kept on the record; {MAX_METADATA_BYTES} bytes in all.",
    )
    policy: str | None = Field(None, description="A named upload policy; `default` otherwise.")
    expires_in: StrictInt | None = Field(
        None,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="Seconds that the URL shall live, at most the policy's maximum.",
    )

    def to_domain(self) -> UploadRequest:
        return UploadRequest(
            filename=self.filename,
            type=self.type,
            file_size=self.file_size,
            method=self.method,
            checksum=self.checksum.to_domain() if self.checksum else None,
            metadata=self.metadata,
            policy=self.policy,
            expires_in=self.expires_in,
        )


class PresignedUrlsRequest(RequestBody):
    """Many files at once, all or nothing."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"files": [EXAMPLE]}]}
    )

    # The first file that breaks a rule ends the check: a thousand could break ten each.
    files: Annotated[list[PresignedUrlRequest], FailFast()] = Field(
        min_length=1, max_length=MAX_BATCH
    )
