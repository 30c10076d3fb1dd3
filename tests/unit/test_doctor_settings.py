"""Settings that are each in order and do not fit together; each rule broken and kept."""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.domain.diagnosis import Examination, Verdict
from app.infrastructure.diagnosis import data_dir
from tests.support.examined import bare_settings, examined, problem
from tests.support.tokens import SECRET, public_pem, rsa_key

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "host": "0.0.0.0",
    "database_url": "postgresql://me@db.example.com/slipway",
    "storage_type": "s3",
    "s3_provider": "minio",
    "s3_endpoint_url": "https://files.example.com",
    "jwt_secret": "0123456789abcdef0123456789abcdef",
    "cors_origins": ("https://app.example.com",),
    "trusted_proxies": ("10.0.0.0/8",),
    "max_streams": 10,
}

JWKS = {
    "jwt_secret": None,
    "jwt_jwks_url": "https://idp.example.com/keys",
    "jwt_issuer": "https://idp.example.com",
    "jwt_audience": "slipway",
}


async def look(**changes: Any) -> Examination:
    return await examined(bare_settings(**(PRODUCTION | changes)), "consistency")


async def test_a_service_in_order() -> None:
    examination = await look()
    assert [f.what for f in examination.findings] == ["They fit together."]
    assert [f.what for f in (await look(**JWKS)).findings] == ["They fit together."]


async def test_settings_with_which_it_would_not_start_are_named_alone() -> None:
    settings = bare_settings(**(PRODUCTION | {"rate_limit": "lots"}))
    assert "RATE_LIMIT" in problem(await examined(settings, "settings")).what
    assert (await examined(settings, "consistency")).verdict is Verdict.SKIPPED


BROKEN: list[tuple[dict[str, Any], Verdict, str]] = [
    ({"cors_origins": ("https://app.example.com/",)}, Verdict.FAILURE, "no page is from"),
    ({"cors_origins": ("app.example.com",)}, Verdict.FAILURE, "no page is from"),
    ({"cors_origins": ("https://App.example.com",)}, Verdict.FAILURE, "no page is from"),
    ({"cors_origins": ("https://*.example.com",)}, Verdict.FAILURE, "no page is from"),
    ({"cors_origins": ("https://app.example.com:443",)}, Verdict.FAILURE, "no page is from"),
    ({"cors_origins": ("*",)}, Verdict.WARNING, "CORS_ORIGINS is *."),
    ({"cors_origins": ()}, Verdict.NOTE, "CORS_ORIGINS is empty"),
    (
        {"environment": "development", "s3_public_endpoint_url": "http://files.example.com"},
        Verdict.FAILURE,
        "Pages of https://app.example.com are told to send to http://files.example.com.",
    ),
    (
        {"s3_public_endpoint_url": "http://files.example.com", "cors_origins": ("http://a.com",)},
        Verdict.WARNING,
        "by plain HTTP",
    ),
    ({"s3_public_endpoint_url": "https://127.0.0.1:9000"}, Verdict.FAILURE, "at 127.0.0.1"),
    ({"s3_public_endpoint_url": "https://localhost:9000"}, Verdict.FAILURE, "at localhost"),
    ({"s3_public_endpoint_url": "https://10.1.2.3"}, Verdict.WARNING, "at 10.1.2.3"),
    ({"s3_endpoint_url": "https://minio:9000"}, Verdict.WARNING, "the store at minio"),
    ({"s3_endpoint_url": "https://s3.default.svc:9000"}, Verdict.WARNING, "s3.default.svc"),
    ({"trusted_proxies": ("*",)}, Verdict.WARNING, "everybody is believed"),
    ({"trusted_proxies": ("0.0.0.0/0",)}, Verdict.WARNING, "everybody is believed"),
    ({"trusted_proxies": ("10.1.2.3/8",)}, Verdict.WARNING, "no address and no network"),
    ({"trusted_proxies": ("proxy",)}, Verdict.WARNING, "no address and no network"),
    ({"trusted_proxies": ()}, Verdict.NOTE, "in case there is a proxy"),
    ({"trusted_proxies": (), "host": "127.0.0.1"}, Verdict.WARNING, "only a proxy"),
    ({"environment": "development"}, Verdict.WARNING, "others reach it"),
    ({"webhook_allowed_networks": ("10.0.0.0/8",)}, Verdict.WARNING, "10.0.0.0/8"),
    ({"s3_events_queue_url": "http://sqs.example.com/1/q"}, Verdict.WARNING, "plain HTTP"),
    ({"log_format": "console"}, Verdict.NOTE, "LOG_FORMAT"),
    ({"log_level": "DEBUG"}, Verdict.NOTE, "LOG_LEVEL"),
    (
        {**JWKS, "jwt_secret": PRODUCTION["jwt_secret"], "jwt_algorithms": ("RS256",)},
        Verdict.WARNING,
        "JWT_SECRET is set",
    ),
    (
        {**JWKS, "jwt_secret": PRODUCTION["jwt_secret"], "jwt_algorithms": ("HS256",)},
        Verdict.WARNING,
        "JWT_JWKS_URL is set",
    ),
    (
        {"jwt_public_key": public_pem(rsa_key()), "jwt_algorithms": ("HS256",)},
        Verdict.WARNING,
        "JWT_PUBLIC_KEY is set",
    ),
    ({**JWKS, "jwt_secret": PRODUCTION["jwt_secret"]}, Verdict.NOTE, "whoever knows JWT_SECRET"),
    ({**JWKS, "jwt_issuer": None}, Verdict.WARNING, "JWT_ISSUER is not"),
    ({**JWKS, "jwt_audience": None}, Verdict.WARNING, "JWT_AUDIENCE is not"),
    ({"presign_expires_in": 86400}, Verdict.NOTE, "may live 24 h"),
    ({"s3_provider": "auto"}, Verdict.NOTE, "S3_PROVIDER is auto"),
    ({"rate_limit": "none"}, Verdict.NOTE, "RATE_LIMIT is none"),
    ({"workers": 4}, Verdict.NOTE, "in each of 4 processes"),
    ({"s3_timeout": 0.5}, Verdict.WARNING, "S3_TIMEOUT is 0.5 s"),
    ({"database_timeout": 0.1}, Verdict.WARNING, "DATABASE_TIMEOUT is 0.1 s"),
]


@pytest.mark.parametrize(("changes", "verdict", "said"), BROKEN)
async def test_what_does_not_fit(changes: dict[str, Any], verdict: Verdict, said: str) -> None:
    """`test_a_service_in_order` has each of them the other way."""
    examination = await look(**changes)
    [finding] = [f for f in examination.findings if said in f.what]
    assert finding.verdict is verdict
    assert finding.why
    assert finding.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"cors_origins": ("http://localhost:3000", "https://[::1]:8443", "https://a.com:8443")},
        {"s3_endpoint_url": "http://minio:9000", "s3_public_endpoint_url": "https://f.example.com"},
        {"s3_endpoint_url": None, "s3_provider": "auto"},
        {"trusted_proxies": ("192.0.2.7", "2001:db8::/32")},
        {"rate_limit": "none", "environment": "development", "host": "127.0.0.1"},
        {"workers": 4, "rate_limit_storage_url": "redis://redis:6379/0"},
        {
            "environment": "development",
            "host": "127.0.0.1",
            "cors_origins": ("https://app.example.com",),
            "s3_public_endpoint_url": "http://127.0.0.1:9000",
            "trusted_proxies": (),
        },
        {**JWKS, "jwt_public_key": None, "jwt_algorithms": ("RS256",)},
    ],
)
async def test_what_fits(changes: dict[str, Any]) -> None:
    assert [f.what for f in (await look(**changes)).findings] == ["They fit together."]


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        ('max_size = "60 TiB"', Verdict.WARNING, "max_size"),
        ('multipart_threshold = "6 GiB"', Verdict.WARNING, "multipart_threshold"),
        ('types = ["image/*"]\nextensions = ["png", "pdf"]', Verdict.NOTE, "application/pdf"),
        ('types = ["image/*"]\nextensions = ["png", "odd"]', Verdict.OK, "They fit together."),
        ("max_expires_in = 604800", Verdict.NOTE, "may live 168 h"),
        ('max_size = "5 GiB"\n[quota]\nbytes = "1 GiB"', Verdict.NOTE, " bytes of [quota]"),
        ('max_size = "5 GiB"\n[quota]\nin_flight_bytes = "1 GiB"', Verdict.NOTE, "in_flight_bytes"),
        ('max_size = "5 GiB"\n[quota]\nbytes = "5 GiB"', Verdict.OK, "They fit together."),
    ],
)
async def test_policies_that_promise_too_much(
    tmp_path: Path, text: str, verdict: Verdict, said: str
) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(f"[policies.video]\n{text}\n")
    examination = await look(upload_policies_file=file)
    [finding] = [f for f in examination.findings if said in f.what]
    assert finding.verdict is verdict


async def test_more_streams_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert (await look(max_streams=768)).verdict is Verdict.OK
    assert (await look(max_streams=769)).verdict is Verdict.NOTE
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert (await look(max_streams=2000)).verdict is Verdict.OK


@dataclass
class Usage:
    free: int


class TestDataDirectory:
    async def look(self, directory: Path, **given: Any) -> Examination:
        return await examined(
            bare_settings(data_dir=directory, jwt_secret=SECRET, **given), "data-dir"
        )

    @pytest.fixture(autouse=True)
    def _roomy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever is left on the machine of the tests."""
        monkeypatch.setattr(data_dir, "ROOM", 0)

    async def test_one_that_is_not_there_yet(self, tmp_path: Path) -> None:
        assert (await self.look(tmp_path / "some" / "where")).verdict is Verdict.OK

    async def test_a_file_stands_in_its_place(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("")
        file.chmod(0o700)
        for directory in (file, file / "below"):
            assert "cannot be written" in problem(await self.look(directory)).what

    async def test_one_that_is_somebody_elses(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """root may write everywhere, so the system's word is what is changed."""
        monkeypatch.setattr(data_dir.os, "access", lambda *_: False)
        assert "cannot be written" in problem(await self.look(tmp_path)).what

    async def test_a_disk_that_is_nearly_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(data_dir, "ROOM", 1024**3)
        for free, verdict in ((1024**3 - 1, Verdict.WARNING), (1024**3, Verdict.OK)):
            usage = Usage(free)
            monkeypatch.setattr(data_dir.shutil, "disk_usage", lambda _, usage=usage: usage)
            assert (await self.look(tmp_path / "new")).verdict is verdict

    @pytest.mark.parametrize("name", data_dir.SECRETS)
    async def test_a_secret_that_others_may_read(self, tmp_path: Path, name: str) -> None:
        secret = tmp_path / name
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("secret")
        secret.chmod(0o600)
        assert (await self.look(tmp_path)).verdict is Verdict.OK
        for mode in (0o640, 0o604):
            secret.chmod(mode)
            finding = problem(await self.look(tmp_path))
            assert finding.remedy
            assert finding.remedy.command == f"chmod 600 {secret}"

    async def test_production_has_none(self, tmp_path: Path) -> None:
        settings = bare_settings(**PRODUCTION, data_dir=tmp_path / "no" / "where")
        assert "Not in use" in (await examined(settings, "data-dir")).findings[0].what
