"""Everybody who ever had a file."""

from pydantic import BaseModel, ConfigDict

from app.schemas.response.usage_response import QUOTA, QuotaResponse


class OwnersResponse(BaseModel):
    """By name; send `next_cursor` as `cursor` for the next page, null at the end."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [QUOTA], "next_cursor": "YWxpY2U"}]}
    )

    items: list[QuotaResponse]
    next_cursor: str | None = None
