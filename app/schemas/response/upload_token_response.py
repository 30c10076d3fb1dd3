"""An upload token, told once."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class UploadTokenResponse(BaseModel):
    """Keep it as you keep a password: whoever has it uploads in the name of its owner."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "token": "slu_Zk3p8Qm1rT0vXy5cBn7aLd2eWu9sHj4gKf6iOxE-RtY",
                    "expires_at": "2026-11-21T04:00:00Z",
                    "max_size": 1073741824,
                }
            ]
        },
    )

    token: str = Field(description="URL-safe.")
    expires_at: datetime
    max_size: int | None = Field(
        description="Bytes of each file at most, by this token and its policy; null: unlimited. "
        "A page that checks it first can say why a file is refused."
    )
