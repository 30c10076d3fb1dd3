"""What the sender of bucket events is told."""

from pydantic import BaseModel, ConfigDict, Field


class StorageEventsResponse(BaseModel):
    """How many events met with which outcome; no event, no outcome."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcomes": {"verified": 2, "foreign": 1}}]}
    )

    outcomes: dict[str, int] = Field(
        description="`verified`, `refused` (not the declared object), `settled` (it had arrived "
        "before), `discarded` (of a file that failed or was deleted), `missing` (no such object "
        "any more), `foreign` (no file of this service), `ignored` (nothing was created)."
    )
