"""Log lines: one stream, one shape, no secrets."""

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from app.infrastructure.logging import configure_logging, log_context
from app.settings import Settings

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
SIGNED = "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA&X-Amz-Signature=abc"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Logging is global: leave it as the other tests expect it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    config = structlog.get_config()
    yield
    structlog.configure(**config)
    root.handlers[:], root.level = handlers, level


def configure(**values: Any) -> None:
    configure_logging(Settings(_env_file=None, **({"log_format": "json"} | values)))


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The JSON lines written so far."""

    def read() -> list[dict[str, Any]]:
        captured = capsys.readouterr()
        assert captured.out == ""
        return [json.loads(line) for line in captured.err.splitlines()]

    return read


Lines = Callable[[], list[dict[str, Any]]]


def test_a_line_says_what_when_and_how_bad(lines: Lines) -> None:
    configure()
    structlog.get_logger().info("started", port=8000)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "started", "level": "info", "port": 8000}


def test_every_line_carries_the_context_of_its_request(lines: Lines) -> None:
    configure()
    token = log_context.set({"request_id": "abc", "owner": "alice"})
    structlog.get_logger().info("ours")
    logging.getLogger("sqlalchemy.pool").warning("theirs %d", 5)
    log_context.reset(token)
    structlog.get_logger().info("after")
    ours, theirs, after = lines()
    assert (ours["request_id"], ours["owner"]) == ("abc", "alice")
    assert (theirs["request_id"], theirs["event"]) == ("abc", "theirs 5")
    assert theirs["logger"] == "sqlalchemy.pool"
    assert "request_id" not in after


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_levels(lines: Lines, level: str) -> None:
    configure(log_level=level)
    names = ["debug", "info", "warning", "error"]
    for name in names:
        getattr(structlog.get_logger(), name)("ours")
        getattr(logging.getLogger("some.dependency"), name)("theirs")
    expected = names[names.index(level.lower()) :]
    assert [line["level"] for line in lines()] == [name for name in expected for _ in "ab"]


@pytest.mark.parametrize("name", ["botocore.auth", "boto3", "urllib3", "sqlalchemy.engine.Engine"])
def test_libraries_that_write_secrets_when_chatty_stay_quiet(lines: Lines, name: str) -> None:
    configure(log_level="DEBUG")
    logging.getLogger(name).debug("Signature:\nabc")
    logging.getLogger(name).info("INSERT INTO files … ['alice']")
    assert lines() == []


def test_a_level_of_somebody_elses(lines: Lines) -> None:
    configure()
    logging.getLogger("odd").log(25, "between")
    logging.getLogger("odd").log(99, "above")
    assert [line["level"] for line in lines()] == ["info", "critical"]


def test_uvicorn_writes_to_the_same_stream_without_its_access_log(lines: Lines) -> None:
    theirs = logging.getLogger("uvicorn.error")
    theirs.addHandler(logging.StreamHandler(sys.stdout))
    theirs.propagate = False
    configure()
    theirs.info("Started server process")
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /files?token=x HTTP/1.1" 200')
    assert [line["event"] for line in lines()] == ["Started server process"]


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "token",
        "upload_token",
        "url",
        "download_url",
        "urls",
        "jwt_secret",
        "s3_secret_key",
        "password",
        "api_key",
        "Set-Cookie",
        "X-Amz-Credential",
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secret_keys(capsys: pytest.CaptureFixture[str], key: str, log_format: str) -> None:
    configure(log_format=log_format)
    structlog.get_logger().info("x", **{key: "hunter2"}, nested={key: ["hunter2"], "n": [{key: 7}]})
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert written.count("[redacted]") == 3


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        f"Bearer {JWT}",
        "GET /uppy/t/slu_Zk3p8Qm1rT0vXy5cBn7aLd2eWu9sHj4gKf6iOxE-RtY//s3/params",
        "bearer abcdef",
        "BEARER abcdef",
        SIGNED,
        SIGNED.lower(),
        "<Error><X-Amz-Security-Token>abc</X-Amz-Security-Token>",
        "{'X-Amz-Credential': 'AKIA', 'X-Amz-Signature': 'abc'}",
        "postgresql://slipway:hunter2@db/slipway",
        "redis://:hunter2@cache:6379",
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secret_values(capsys: pytest.CaptureFixture[str], secret: str, log_format: str) -> None:
    configure(log_format=log_format)
    log = structlog.get_logger()
    log.info("direct", value=secret)
    log.info(f"in the event: {secret}")
    log.info("nested", value={"a": [f"x {secret}", (secret,)]})
    log.info("object", value=ValueError(secret))
    logging.getLogger("library").warning("%s", secret)
    try:
        raise ValueError(f"refused: {secret}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    written = capsys.readouterr().err
    assert secret not in written
    for leak in ("eyJzdWI", "hunter2", "AKIA", "abc"):
        assert leak not in written


@pytest.mark.parametrize(
    "harmless",
    [
        "https://slipway.example/files",
        "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d",
        "the bearer",
        "eyJ",
        "12:30:00",
        "http://127.0.0.1:8000/docs",
    ],
)
def test_harmless_values_stay(lines: Lines, harmless: str) -> None:
    configure()
    structlog.get_logger().info("x", value=harmless, count=5, ratio=0.5, nothing=None)
    (line,) = lines()
    assert (line["value"], line["count"], line["ratio"], line["nothing"]) == (
        harmless,
        5,
        0.5,
        None,
    )


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_come_without_local_variables(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure(log_format=log_format)
    local = "-".join(["a", "local", "value"])
    try:
        try:
            raise OSError("the cause")
        except OSError as error:
            raise RuntimeError("it broke") from error
    except RuntimeError:
        structlog.get_logger().exception("failed")
    written = capsys.readouterr().err
    assert local not in written
    for part in ("RuntimeError", "it broke", "OSError", "the cause", "test_logging.py"):
        assert part in written
    if log_format == "json":
        assert len(written.splitlines()) == 1


def test_what_json_cannot_say(lines: Lines) -> None:
    configure()
    structlog.get_logger().info("x", a="\ud800", b=2**80, c={1, 2}, d=ValueError("e"))
    (line,) = lines()
    assert (line["b"], line["c"], line["d"]) == (2**80, "{1, 2}", "e")


def test_a_line_stays_one_line(lines: Lines) -> None:
    configure()
    structlog.get_logger().info("x", owner='a\n{"event": "forged"}')
    assert len(lines()) == 1


def test_a_broken_log_does_not_break_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        buffer = property(lambda self: self)

        def write(self, line: bytes) -> None:
            raise BrokenPipeError

    configure()
    monkeypatch.setattr(sys, "stderr", Broken())
    structlog.get_logger().info("nobody listens")


def test_a_record_that_cannot_be_formatted(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    configure()
    logging.getLogger("library").warning("%d", "not a number")
    assert lines() == []


@pytest.mark.parametrize(
    ("values", "is_json"),
    [
        ({"log_format": "auto"}, False),
        ({"log_format": "json"}, True),
        ({"log_format": "console"}, False),
        (
            {
                "log_format": "auto",
                "environment": "production",
                "jwt_public_key": "x",
                "storage_type": "s3",
                "database_url": "postgresql://db/slipway",
            },
            True,
        ),
    ],
)
def test_the_format(
    capsys: pytest.CaptureFixture[str], values: dict[str, Any], is_json: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configure(**values)
        structlog.get_logger().info("hello")
    assert capsys.readouterr().err.startswith("{") is is_json
