"""What an owner holds and may hold."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.domain.usage import Standing

_EXAMPLE: dict[str, Any] = {
    "used": {"bytes": 734003200, "files": 41},
    "reserved": {"bytes": 12345, "files": 1},
    "limit": {"bytes": 10737418240, "files": 10000, "in_flight_bytes": 5368709120},
}

QUOTA: dict[str, Any] = _EXAMPLE | {"owner": "alice", "overridden": False}


class AmountResponse(BaseModel):
    """So many files, with so many bytes in all."""

    model_config = ConfigDict(from_attributes=True)

    bytes: int
    files: int


class LimitsResponse(BaseModel):
    """null means unlimited."""

    model_config = ConfigDict(from_attributes=True)

    bytes: int | None = Field(description="Bounds the bytes used and reserved, together.")
    files: int | None = Field(description="Bounds the files used and reserved, together.")
    in_flight_bytes: int | None = Field(description="Bounds the bytes reserved.")


class UsageResponse(BaseModel):
    """Files that failed or were deleted count nowhere."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    used: AmountResponse = Field(description="Files whose bytes are in the store.")
    reserved: AmountResponse = Field(description="Pending uploads, with their declared sizes.")
    limit: LimitsResponse

    @classmethod
    def of(cls, standing: Standing) -> Self:
        return cls(
            used=AmountResponse.model_validate(standing.usage.used),
            reserved=AmountResponse.model_validate(standing.usage.reserved),
            limit=LimitsResponse.model_validate(standing.limits),
        )


class QuotaResponse(UsageResponse):
    """The same of any owner."""

    model_config = ConfigDict(json_schema_extra={"examples": [QUOTA]})

    owner: str
    overridden: bool = Field(description="The limits are the owner's own, not the default ones.")

    @classmethod
    def of_owner(cls, owner: str, standing: Standing) -> Self:
        usage = UsageResponse.of(standing)
        return cls(**dict(usage), owner=owner, overridden=standing.overridden)
