"""A wish for a download URL."""

from pydantic import ConfigDict, Field, StrictInt

from app.domain.download import Disposition
from app.domain.policy import MAX_EXPIRES_IN
from app.schemas.request.body import RequestBody


class DownloadUrlRequest(RequestBody):
    """Both fields may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expires_in": 300}]})

    expires_in: StrictInt | None = Field(None, ge=1, le=MAX_EXPIRES_IN)
    disposition: Disposition = Field(
        Disposition.ATTACHMENT,
        description="`inline` is honoured for images, audio, video, PDF and plain text only.",
    )
