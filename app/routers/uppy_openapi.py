"""Companion's routes in the OpenAPI document: what FastAPI cannot see, as it parses none of it."""

from typing import Any

from app.domain.parts import MAX_PARTS
from app.exceptions.errors import SlipwayError
from app.routers.problem_openapi import problem_responses

BAD_REQUEST = 400
"""Companion's status for what is 422 elsewhere."""

FILE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["filename"],
    "properties": {
        "filename": {"type": "string", "minLength": 1},
        "type": {"type": ["string", "null"], "description": "A media type."},
        "metadata": {
            "type": ["object", "null"],
            "description": "Kept on the record, but for `size` and `policy`, which are for the "
            "service: the size in bytes, and the name of an upload policy.",
        },
    },
    "examples": [
        {
            "filename": "holiday.mp4",
            "type": "video/mp4",
            "metadata": {"name": "holiday.mp4", "type": "video/mp4", "size": 62914560},
        }
    ],
}
PARTS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["parts"],
    "properties": {
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["PartNumber", "ETag"],
                "properties": {
                    "PartNumber": {"type": "integer", "minimum": 1, "maximum": MAX_PARTS},
                    "ETag": {"type": "string", "description": "With or without its quotes."},
                },
            },
        }
    },
    "examples": [
        {
            "parts": [
                {"PartNumber": 1, "ETag": '"9b2cf535f27731c974343645a3985328"'},
                {"PartNumber": 2, "ETag": "1ad8a1c2b6ee0c2f0c9e8d9fe84a5f3b"},
            ]
        }
    ],
}


def uppy_responses(*classes: type[SlipwayError]) -> dict[int | str, dict[str, Any]]:
    """As `problem_responses`, in Companion's words."""
    responses = problem_responses(*classes)
    if refused := responses.pop(422, None):
        responses[BAD_REQUEST] = refused
    for status, response in responses.items():
        for content in response["content"].values():
            for example in content["examples"].values():
                value = example["value"]
                said = {"error": value["detail"], "message": value["detail"], "status": status}
                example["value"] = {**value, **said}
    return responses


def parameter(place: str, name: str, description: str, **schema: Any) -> dict[str, Any]:
    """One that must be there."""
    return {
        "name": name,
        "in": place,
        "required": True,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON of this schema."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


UPLOAD = parameter("path", "uploadId", "As it was answered at the creation.", minLength=1)
KEY = parameter("query", "key", "The key that came with it.", minLength=1)
THE_UPLOAD = {"parameters": [UPLOAD, KEY]}

FILE_IN_QUERY: dict[str, Any] = {
    "parameters": [
        parameter("query", "filename", "The name of the file.", minLength=1),
        parameter("query", "type", "Its media type.") | {"required": False},
        {
            "name": "metadata",
            "in": "query",
            "style": "deepObject",
            "explode": True,
            "description": "`metadata[size]`, the size in bytes, and `metadata[policy]` are "
            "for the service, all else is kept on the record.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    ]
}
