"""A wish for an upload token."""

from pydantic import ConfigDict, Field, StrictInt

from app.domain.upload_grant import DEFAULT_EXPIRES_IN, MAX_EXPIRES_IN
from app.schemas.request.body import RequestBody


class UploadTokenRequest(RequestBody):
    """Every member may be left out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{}, {"policy": "video", "max_size": 1073741824}]},
    )

    policy: str | None = Field(
        None, description="The upload policy of everything sent with it; `default` otherwise."
    )
    max_size: StrictInt | None = Field(
        None,
        ge=1,
        le=2**63 - 1,
        description="Bytes of each file at most, where the policy does not allow less.",
    )
    expires_in: StrictInt = Field(
        DEFAULT_EXPIRES_IN,
        ge=1,
        le=MAX_EXPIRES_IN,
        description="Seconds that it shall live; never longer than the token that asks for it.",
    )
