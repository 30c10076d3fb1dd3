"""Wishes about the parts of a multipart upload."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, FailFast, Field, StrictInt

from app.domain.parts import MAX_PARTS
from app.domain.policy import MAX_EXPIRES_IN
from app.schemas.request.body import RequestBody

PartNumber = Annotated[StrictInt, Field(ge=1, le=MAX_PARTS)]


def _all_different(numbers: list[int]) -> list[int]:
    if len(set(numbers)) != len(numbers):
        raise ValueError("must not name a part twice")
    return numbers


class PartUrlsRequest(RequestBody):
    """The parts to sign, in the order in which the answer shall name them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"part_numbers": [1, 2, 3]}]}
    )

    part_numbers: Annotated[list[PartNumber], FailFast(), AfterValidator(_all_different)] = Field(
        min_length=1, max_length=MAX_PARTS, json_schema_extra={"uniqueItems": True}
    )
    expires_in: StrictInt | None = Field(
        None,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="Seconds that the URLs shall live, at most the policy's maximum.",
    )


class PartReceipt(RequestBody):
    """A part as its uploader knows it."""

    part_number: PartNumber
    etag: str = Field(
        min_length=1,
        max_length=128,
        description="The header `ETag` of the store's answer, with or without its quotes.",
    )


def _ascending(parts: list[PartReceipt]) -> list[PartReceipt]:
    numbers = [part.part_number for part in parts]
    if sorted(set(numbers)) != numbers:
        raise ValueError("must name every part once, in ascending order of part_number")
    return parts


class CompleteRequest(RequestBody):
    """Without `parts` the service asks the store which there are."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {},
                {"parts": [{"part_number": 1, "etag": "9b2cf535f27731c974343645a3985328"}]},
            ]
        },
    )

    parts: Annotated[list[PartReceipt], FailFast(), AfterValidator(_ascending)] = Field(
        default_factory=list, max_length=MAX_PARTS
    )

    def to_domain(self) -> dict[int, str] | None:
        """ETags by part number, None for an empty list."""
        return {part.part_number: part.etag for part in self.parts} or None
