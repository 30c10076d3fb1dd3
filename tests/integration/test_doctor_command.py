"""`python -m app doctor` and `GET /doctor`: what is said, to whom, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from app.cli import app
from app.settings import Settings
from tests.support.doctor import ORIGIN
from tests.support.multipart import changed
from tests.support.service import User, serving

Run = Callable[..., "asyncio.Future[Result]"]

GIVEN = (
    *("database_url", "storage_type", "s3_bucket", "s3_region", "s3_endpoint_url"),
    *("s3_access_key", "s3_secret_key", "s3_provider", "jwt_secret"),
)
NOT_THERE = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def environment(own: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An environment in which all is well."""
    settings = changed(own, database_url=database_url)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name in GIVEN:
        value = getattr(settings, name)
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        monkeypatch.setenv(name.upper(), str(plain))
    monkeypatch.setenv("CORS_ORIGINS", ORIGIN)
    return settings


@pytest.fixture
def run(environment: Settings) -> Run:
    def command(*arguments: str) -> "asyncio.Future[Result]":
        # In a thread, because it has an event loop of its own.
        return asyncio.ensure_future(
            asyncio.to_thread(CliRunner().invoke, app, ["doctor", *arguments])
        )

    return command


def secrets_of(settings: Settings) -> list[str]:
    found = (settings.s3_access_key, settings.s3_secret_key, settings.jwt_secret)
    return [secret.get_secret_value() for secret in found if secret]


class TestCommand:
    async def test_ends_with_0_when_the_store_is_well(
        self, run: Run, environment: Settings
    ) -> None:
        result = await run("--only", "enforcement", "--only", "cors")
        assert result.exit_code == 0, result.output
        assert "no problems." in result.stdout
        assert "enforcement" in result.stdout
        assert "lifecycle" not in result.stdout
        assert not [s for s in secrets_of(environment) if s in result.output]

    async def test_ends_with_1_and_says_what_mends_it(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("S3_BUCKET", "doctor-not-there")
        result = await run("--only", "bucket")
        assert result.exit_code == 1, result.output
        assert "There is no bucket doctor-not-there." in result.stdout
        assert "Why: No URL that is handed out works." in result.stdout
        assert "aws s3api create-bucket --bucket doctor-not-there" in result.stdout
        assert "python -m app doctor --fix --only bucket" in result.stdout
        assert ": 1 problem." in result.stdout

    async def test_mends_it_when_asked(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("S3_BUCKET", "doctor-made-by-fix")
        result = await run("--fix", "--only", "cors", "--only", "lifecycle")
        assert result.exit_code == 0, result.output
        assert "Fixed: Created the bucket doctor-made-by-fix." in result.stdout
        assert "Fixed: Set a lifecycle rule" in result.stdout
        result = await run("--fix", "--only", "cors", "--only", "lifecycle")
        assert (result.exit_code, "Fixed" in result.stdout) == (0, False)

    async def test_prints_one_document(
        self, run: Run, environment: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("S3_SECRET_KEY", "another")
        result = await run("--json", "--only", "lifecycle")
        assert result.exit_code == 1
        told = json.loads(result.stdout)
        by_name = {check["name"]: check for check in told["checks"]}
        assert list(by_name) == ["credentials", "clock", "bucket", "lifecycle"]
        assert by_name["bucket"]["verdict"] == "failure"
        assert by_name["bucket"]["findings"][0]["remedy"]["text"]
        assert by_name["lifecycle"]["verdict"] == "skipped"
        assert told["problems"] == 1
        assert not [s for s in secrets_of(environment) if s in result.output]

    async def test_settings_that_do_not_load_are_a_finding(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PORT", "sesame")
        result = await run("--json")
        assert result.exit_code == 1, result.output
        [check] = json.loads(result.stdout)["checks"]
        assert (check["name"], check["verdict"]) == ("settings", "failure")
        assert "PORT" in check["findings"][0]["what"]
        assert "sesame" not in result.output

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("UPLOAD_POLICIES_FILE", "/not/there.toml"),
            ("JWT_ALGORITHMS", "RS256"),
            ("RATE_LIMIT", "often"),
        ],
    )
    async def test_settings_that_the_service_would_not_start_with_are_one_too(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        result = await run("--only", "settings")
        assert result.exit_code == 1, result.output
        assert name in result.stdout

    async def test_a_name_that_is_no_check_ends_with_2(self, run: Run) -> None:
        result = await run("--only", "weather")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "weather" in result.stderr
        assert "round-trip" in result.stderr

    async def test_runs_without_a_database(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", NOT_THERE)
        result = await run("--only", "bucket")
        assert result.exit_code == 0, result.output


@pytest_asyncio.fixture
async def doctor_api(own: Settings, database_url: str) -> AsyncIterator[User]:
    async with serving(changed(own, database_url=database_url)) as client:
        yield User(client)


class TestRoute:
    async def test_tells_administrators_alone(self, doctor_api: User, own: Settings) -> None:
        answer = await doctor_api.call("GET", "/doctor", scope="files:read files:write")
        assert answer.status_code == 403
        answer = await doctor_api.call("GET", "/doctor", scope="admin")
        assert answer.status_code == 200
        told = answer.json()
        checks = {check["name"]: check["verdict"] for check in told["checks"]}
        assert checks["round-trip"] == checks["enforcement"] == "ok"
        assert all(check["fixed"] == "" for check in told["checks"])
        assert not [secret for secret in secrets_of(own) if secret in answer.text]
        assert "X-Amz-Signature" not in answer.text

    async def test_examines_once_for_all_who_ask_at_once(self, doctor_api: User) -> None:
        first, second = await asyncio.gather(
            *(doctor_api.call("GET", "/doctor", scope="admin") for _ in range(2))
        )
        assert first.json()["at"] == second.json()["at"]

    async def test_breaks_nothing_when_the_store_is_down(
        self, own: Settings, database_url: str
    ) -> None:
        dead: dict[str, Any] = {"s3_endpoint_url": "http://127.0.0.1:1"}
        async with serving(changed(own, database_url=database_url, **dead)) as client:
            answer = await User(client).call("GET", "/doctor", scope="admin")
        assert answer.status_code == 200
        checks = {check["name"]: check["verdict"] for check in answer.json()["checks"]}
        assert (checks["bucket"], checks["cors"]) == ("failure", "skipped")
