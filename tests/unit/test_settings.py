"""Settings: all documented, readable from everywhere, and refused when unsafe."""

import itertools
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from app.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
STRONG = "0123456789abcdef0123456789abcdef-x"
PRODUCTION = {
    "environment": "production",
    "jwt_secret": STRONG,
    "storage_type": "s3",
    "database_url": "postgresql://db.internal/slipway",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_in_the_example_with_its_default() -> None:
    written = dotenv_values(EXAMPLE)
    assert set(written) == {name.upper() for name in Settings.model_fields}
    assert Settings(_env_file=EXAMPLE) == Settings()


def test_every_setting_in_the_example_has_a_comment_above_its_group() -> None:
    lines = EXAMPLE.read_text().splitlines()
    bare = {"PORT", "S3_BUCKET", "S3_REGION", "S3_SECRET_KEY", "JWT_AUDIENCE"}
    for before, line in itertools.pairwise(lines):
        if "=" in line and not line.startswith("#") and line.split("=")[0] not in bare:
            assert before.startswith("#"), line


def test_an_empty_value_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert Settings() == Settings.model_construct()


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example")
    assert Settings().cors_origins == ("https://a.example", "https://b.example")


def test_secrets_come_from_a_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").write_text(STRONG)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    secret = Settings.load().jwt_secret
    assert secret is not None
    assert secret.get_secret_value() == STRONG


def test_secrets_do_not_show() -> None:
    settings = Settings(
        jwt_secret=STRONG, s3_secret_key=STRONG, database_url=f"postgresql://u:{STRONG}@h/d"
    )
    assert STRONG not in repr(settings)
    assert STRONG not in str(settings.model_dump())


def test_errors_do_not_show_secrets() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**(PRODUCTION | {"storage_type": "local", "port": "none"}))
    assert STRONG not in str(caught.value)
    with pytest.raises(ValidationError) as caught:
        Settings(**(PRODUCTION | {"storage_type": "local"}))
    assert STRONG not in str(caught.value)


def test_production_accepts_what_is_safe() -> None:
    assert Settings(**PRODUCTION).is_production


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jwt_secret": None}, "JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL"),
        ({"jwt_secret": "short"}, "32 random bytes"),
        ({"jwt_secret": "change-me-" * 8}, "32 random bytes"),
        ({"storage_type": "local"}, "STORAGE_TYPE=s3"),
        ({"database_url": None}, "DATABASE_URL"),
        ({"storage_events_secret": "short"}, "STORAGE_EVENTS_SECRET must be 32 random bytes"),
        ({"s3_events_queue_url": "slipway-events"}, "s3_events_queue_url"),
    ],
)
def test_production_refuses_what_is_not(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(**(PRODUCTION | change))
