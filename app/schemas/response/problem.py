"""The one shape of every error: application/problem+json (RFC 9457)."""

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One broken rule of the request."""

    field: str = Field(description="Dotted path into the request, such as `files.3.filename`.")
    message: str = Field(description="What the field must be.")


class Problem(BaseModel):
    """Why a request failed. Some codes add members of their own, such as `from` and `to`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem: a URN that ends in `code`.")
    title: str = Field(description="The kind of problem in words; the same every time.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field(description="What went wrong this time, and what to do about it.")
    code: str = Field(description="Stable and machine-readable: decide by this.")
    request_id: str | None = Field(description="Also in the header `X-Request-ID`; quote it.")
    errors: list[FieldProblem] = Field(
        default=[], description="With `invalid_request`: every rule that was broken."
    )
