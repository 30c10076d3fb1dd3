"""A change of a file's status, or of the status of many."""

from collections import Counter
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, FailFast, Field, model_validator

from app.domain.file import FileStatus
from app.domain.filename import has_control_characters
from app.schemas.request.body import RequestBody
from app.schemas.request.presigned_url_request import MAX_BATCH
from app.service.status_reports import StatusReport


def _plain_text(value: str) -> str:
    if has_control_characters(value):
        raise ValueError("must be text on one line, without control characters")
    return value


PlainText = Annotated[str, AfterValidator(_plain_text)]
_EXAMPLE_ID = "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"
_OTHER_ID = "0199f3a1-7c20-7d52-8a07-5e61b0c4d9aa"
Reason = Annotated[
    PlainText | None,
    Field(
        max_length=500,
        description="With `processing` or `failed`: kept as `status_reason` and in the trail.",
    ),
]


class UpdateFileStatusRequest(RequestBody):
    """Name the file by `id` or by `key`, exactly one of them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": _EXAMPLE_ID, "status": "uploaded"}]},
    )

    id: UUID | None = None
    key: PlainText | None = Field(None, min_length=1, max_length=1024)
    status: FileStatus
    reason: Reason = None

    @model_validator(mode="after")
    def _names_one_file(self) -> Self:
        if (self.id is None) == (self.key is None):
            raise ValueError("name the file by id or by key, exactly one of them")
        return self


class StatusReportRequest(RequestBody):
    """What happened to one file of many."""

    id: UUID
    status: FileStatus
    reason: Reason = None

    def to_service(self) -> StatusReport:
        return StatusReport(self.id, self.status, self.reason)


def _each_once(items: list[StatusReportRequest]) -> list[StatusReportRequest]:
    [(file_id, times)] = Counter(item.id for item in items).most_common(1)
    if times > 1:
        raise ValueError(f"must name each file once; {file_id} is there {times} times")
    return items


class UpdateFileStatusesRequest(RequestBody):
    """Reports about different files, each taken by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"id": _EXAMPLE_ID, "status": "uploaded"},
                        {"id": _OTHER_ID, "status": "failed", "reason": "the user gave up"},
                    ]
                }
            ]
        },
    )

    # The first item that breaks a rule ends the check: a thousand could break three each.
    items: Annotated[list[StatusReportRequest], FailFast(), AfterValidator(_each_once)] = Field(
        min_length=1, max_length=MAX_BATCH
    )
