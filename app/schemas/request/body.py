"""What all request bodies share."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

MAX_MEMBERS = 32


class RequestBody(BaseModel):
    """Refuses members that it does not know, so that a typing error does not pass for a default."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_no_flood(cls, value: Any) -> Any:
        # An error for each of a million unknown members would take seconds and gigabytes.
        if isinstance(value, dict) and len(value) > MAX_MEMBERS:
            raise ValueError(f"must be an object of at most {MAX_MEMBERS} members")
        return value
