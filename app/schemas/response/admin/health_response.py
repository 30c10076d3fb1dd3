"""The parts of the service."""

from pydantic import BaseModel, ConfigDict, Field


class PartsResponse(BaseModel):
    """Whether each answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ready": False,
                    "checks": {
                        "database": "ok",
                        "migrations": "ok",
                        "storage": "The object store does not answer; try again.",
                    },
                }
            ]
        }
    )

    ready: bool = Field(description="All of them do.")
    checks: dict[str, str] = Field(description="For each part `ok`, or what is wrong with it.")
