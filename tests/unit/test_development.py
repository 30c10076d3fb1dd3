"""Secrets of development: made once, private, the same for everybody who asks."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.infrastructure.development import secret_file, with_jwt_secret
from app.settings import Settings


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    secret = secret_file(data_dir, "jwt_secret")
    assert len(secret) == 64
    assert secret_file(data_dir, "jwt_secret") == secret
    assert secret_file(data_dir, "another") != secret
    assert stat.S_IMODE((data_dir / "jwt_secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


def test_all_who_ask_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: secret_file(tmp_path, "jwt_secret"), range(64)))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jwt_secret"]


def test_the_loser_of_a_race_takes_the_winners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jwt_secret").write_text("the winner's")
    # As if the file had appeared between our look and our link.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert secret_file(tmp_path, "jwt_secret") == "the winner's"


@pytest.mark.parametrize(
    "given", [{"jwt_public_key": "PEM"}, {"jwt_jwks_url": "https://id.example/jwks"}]
)
def test_no_secret_is_made_where_public_keys_verify(given: dict[str, str], tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, **given)
    assert with_jwt_secret(settings).jwt_secret is None
    assert not list(tmp_path.iterdir())
