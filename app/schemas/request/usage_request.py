"""Limits that an administrator sets for one owner."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.domain.usage import Limits
from app.schemas.request.body import RequestBody

_MOST = 2**63 - 1
"""PostgreSQL's bigint."""

Limit = Annotated[int, Field(ge=0, le=_MOST, strict=True)] | None


class LimitsRequest(RequestBody):
    """All three, so that none is lifted by an omission; null means unlimited."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"bytes": 107374182400, "files": 100000, "in_flight_bytes": 53687091200}]
        }
    )

    bytes: Limit = Field(description="Bytes used and reserved, together.")
    files: Limit = Field(description="Files used and reserved, together.")
    in_flight_bytes: Limit = Field(description="Bytes reserved by pending uploads.")

    def to_domain(self) -> Limits:
        return Limits(bytes=self.bytes, files=self.files, in_flight_bytes=self.in_flight_bytes)
