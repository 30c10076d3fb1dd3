"""A change of a file's status."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from app.domain.file import FileStatus
from app.domain.filename import has_control_characters
from app.schemas.request.body import RequestBody


def _plain_text(value: str) -> str:
    if has_control_characters(value):
        raise ValueError("must be text on one line, without control characters")
    return value


PlainText = Annotated[str, AfterValidator(_plain_text)]


class UpdateFileStatusRequest(RequestBody):
    """Name the file by `id` or by `key`, exactly one of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d", "status": "uploaded"}]
        },
    )

    id: UUID | None = None
    key: PlainText | None = Field(None, min_length=1, max_length=1024)
    status: FileStatus
    reason: PlainText | None = Field(
        None,
        max_length=500,
        description="With `processing` or `failed`: kept as `status_reason` and in the trail.",
    )

    @model_validator(mode="after")
    def _names_one_file(self) -> Self:
        if (self.id is None) == (self.key is None):
            raise ValueError("name the file by id or by key, exactly one of them")
        return self
