"""The OpenAPI document as a manual: nothing undescribed, nothing undeclared, nothing unnoticed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from app.cli import app as command_line
from app.exceptions.errors import SlipwayError
from app.routers.problem_document import STATUS
from app.schemas.response.problem import MEDIA_TYPE

SNAPSHOT = Path(__file__).parents[2] / "docs/openapi.json"
DOCUMENT: dict[str, Any] = json.loads(SNAPSHOT.read_text())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
OPERATION = pytest.mark.parametrize("name", OPERATIONS)
OPEN = {"GET /healthz", "GET /readyz", "GET /metrics"}


def _errors(base: type[SlipwayError] = SlipwayError) -> Iterator[type[SlipwayError]]:
    for error in base.__subclasses__():
        if "code" in vars(error):
            yield error
        yield from _errors(error)


def _contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is sent in JSON and what comes back when it goes well."""
    answers = [a for status, a in operation["responses"].items() if status < "300"]
    for side in (operation.get("requestBody", {}), *answers):
        yield from (c for kind, c in side.get("content", {}).items() if kind == "application/json")


def _problems(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each declared error: its status, and the example."""
    for status, answer in operation["responses"].items():
        if status >= "400":
            assert list(answer["content"]) == [MEDIA_TYPE], status
            examples = answer["content"][MEDIA_TYPE]["examples"].items()
            yield from ((status, {"code": code} | example) for code, example in examples)


def _schema(content: dict[str, Any]) -> dict[str, Any]:
    """The schema that an optional body or a reference stands for."""
    schema: dict[str, Any] = content["schema"]
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    schema = choices[0] if len(choices) == 1 else schema
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return dict(DOCUMENT["components"]["schemas"][name])


def test_the_snapshot_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(command_line, ["openapi"])
    assert printed.stdout == SNAPSHOT.read_text(), "run `make openapi` and read the difference"


def test_every_error_has_a_status_and_a_code_of_its_own() -> None:
    errors = set(_errors())
    assert errors == STATUS.keys()
    assert len({error.code for error in errors}) == len(errors)


def test_every_error_is_declared_by_some_operation_with_its_status() -> None:
    declared = {(p["code"], status) for o in OPERATIONS.values() for status, p in _problems(o)}
    mapped = {(error.code, str(status)) for error, status in STATUS.items()}
    # Neither a path without that method nor a preflight is an operation that could declare it. To
    # Uppy what is invalid is told with Companion's status.
    undeclared = {("method_not_allowed", "405"), ("cors_refused", "400")}
    assert declared - {("invalid_request", "400")} == mapped - undeclared


@OPERATION
def test_every_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["tags"]
    assert 0 < len(operation["summary"]) < 60
    assert len(operation["description"]) > 15


@OPERATION
def test_every_json_body_has_a_worked_example_that_is_valid(name: str) -> None:
    for content in _contents(OPERATIONS[name]):
        examples = _schema(content).get("examples")
        assert examples, content
        whole = {**content["schema"], "components": DOCUMENT["components"]}
        validator = jsonschema_rs.validator_for(whole)
        for example in examples:
            validator.validate(example)


@OPERATION
def test_every_declared_error_has_a_worked_example(name: str) -> None:
    for status, problem in _problems(OPERATIONS[name]):
        value = problem["value"]
        assert (value["code"], str(value["status"])) == (problem["code"], status)
        assert value["title"]
        assert value["detail"]


@OPERATION
def test_who_needs_a_token_says_so(name: str) -> None:
    declared = {problem["code"] for _, problem in _problems(OPERATIONS[name])}
    guarded = {"unauthorized", "forbidden", "rate_limited"} <= declared
    assert guarded == bool(OPERATIONS[name].get("security")) == (name not in OPEN)
