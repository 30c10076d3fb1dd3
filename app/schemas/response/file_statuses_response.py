"""What became of many reports."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.domain.file import FileRecord
from app.schemas.response.file_response import UPLOADED, FileResponse
from app.schemas.response.problem import Problem

_MISSING_ID = "0199f3a1-7c20-7d52-8a07-5e61b0c4d9aa"
_MISSING: JsonDict = {
    "type": "urn:problem-type:slipway:object_missing",
    "title": "The object is not in the store",
    "status": 409,
    "detail": "The store has no object under this file's key: upload the bytes first.",
    "code": "object_missing",
    "request_id": "0b6f0a6f3c0f4a1e9d1f0d3a2c4b5e6f",
}


class FileStatusResult(BaseModel):
    """What became of one report: `file` or `problem`, the other is null."""

    id: UUID = Field(description="As in the request.")
    file: FileResponse | None = Field(None, description="The record as it is now.")
    problem: Problem | None = Field(
        None,
        description="What `PUT /file-status` would have answered; with `retry_after`, in seconds, "
        "when it passes by itself.",
    )

    @classmethod
    def of_file(cls, record: FileRecord, now: datetime) -> "FileStatusResult":
        return cls.model_construct(id=record.id, file=FileResponse.of(record, now), problem=None)

    @classmethod
    def of_problem(cls, id: UUID, members: Mapping[str, Any]) -> "FileStatusResult":
        return cls.model_construct(id=id, file=None, problem=Problem.model_validate(members))


class FileStatusesResponse(BaseModel):
    """The outcomes of a batch of reports, in its order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"id": UPLOADED["id"], "file": UPLOADED, "problem": None},
                        {"id": _MISSING_ID, "file": None, "problem": _MISSING},
                    ]
                }
            ]
        }
    )

    items: list[FileStatusResult]
