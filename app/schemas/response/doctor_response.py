"""A diagnosis as scripts and administrators read it."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.domain.diagnosis import Diagnosis, Verdict


class RemedyResponse(BaseModel):
    """What mends it: words, lines for a shell, and the JSON document that those take."""

    model_config = ConfigDict(from_attributes=True)

    text: str
    command: str = Field("", description="Empty where no command would do it.")
    document: dict[str, Any] | None = None


class FindingResponse(BaseModel):
    """One thing that was found."""

    model_config = ConfigDict(from_attributes=True)

    verdict: Verdict = Field(
        description="`warning` and `failure` are problems; `skipped` says that nothing can be "
        "said because of another problem."
    )
    what: str
    why: str = Field("", description="Why it matters; empty where all is well.")
    remedy: RemedyResponse | None = None
    fixable: bool = Field(False, description="`python -m app doctor --fix` mends it.")


class ExaminationResponse(BaseModel):
    """What one check came to."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    title: str
    verdict: Verdict = Field(description="The worst among its findings.")
    findings: list[FindingResponse]
    fixed: str = Field("", description="What `--fix` has done; empty over HTTP.")


_EXAMPLE: dict[str, Any] = {
    "problems": 1,
    "at": "2026-11-21T12:00:00Z",
    "seconds": 1.2,
    "checks": [
        {
            "name": "bucket",
            "title": "Bucket",
            "verdict": "ok",
            "findings": [
                {
                    "verdict": "ok",
                    "what": "acme-uploads in eu-west-1 answers.",
                    "why": "",
                    "remedy": None,
                    "fixable": False,
                }
            ],
            "fixed": "",
        },
        {
            "name": "lifecycle",
            "title": "Unfinished uploads",
            "verdict": "warning",
            "findings": [
                {
                    "verdict": "warning",
                    "what": "No lifecycle rule aborts unfinished multipart uploads.",
                    "why": "Their parts cost as objects do, and no listing of objects shows them.",
                    "remedy": {
                        "text": "Let the bucket abort them after 30 days.",
                        "command": "python -m app doctor --fix --only lifecycle",
                        "document": None,
                    },
                    "fixable": True,
                }
            ],
            "fixed": "",
        },
    ],
}


class DoctorResponse(BaseModel):
    """Every check, in a stable order."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    problems: int = Field(description="How many warnings and failures there are.")
    at: datetime = Field(description="When the examination ended.")
    seconds: float = Field(description="How long it took.")
    checks: list[ExaminationResponse]

    @classmethod
    def of(cls, diagnosis: Diagnosis) -> Self:
        checks = [ExaminationResponse.model_validate(e) for e in diagnosis.examinations]
        return cls(
            problems=diagnosis.problems,
            at=diagnosis.at,
            seconds=round(diagnosis.seconds, 3),
            checks=checks,
        )
