"""Commands: what they print, and how they fail."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jose import jwt
from pydantic import SecretStr

from app.cli import main
from app.cli.banner import banner, upload_line
from app.cli.errors import CommandError
from app.cli.listener import listen, port_of, url_of
from app.cli.server import resolved_environment
from app.cli.token import issue_token
from app.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef-x"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`run("token", "--sub", "me")`: exit code, standard output, standard error."""

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["slipway", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return command


class TestToken:
    def test_prints_one_token_and_nothing_else(self, run) -> None:
        code, out, err = run(
            "token", "--sub", "alice", "--scope", "files:read", "--expires-in", "9"
        )
        assert (code, err) == (0, "")
        secret = Path(".data/jwt_secret").read_text()
        claims = jwt.decode(out.removesuffix("\n"), secret, algorithms=["HS256"])
        assert (claims["sub"], claims["scope"]) == ("alice", "files:read")
        assert claims["exp"] - claims["iat"] == 9

    def test_names_no_scope_unless_told(self, run) -> None:
        assert "scope" not in jwt.get_unverified_claims(run("token", "--sub", "alice")[1].strip())

    def test_suits_what_the_service_verifies(self) -> None:
        settings = Settings(
            jwt_secret=SECRET,
            jwt_issuer="https://id.example",
            jwt_audience="slipway",
            jwt_algorithms="RS256,HS512",
        )
        token = issue_token(settings, "alice", expires_in=60)
        claims = jwt.decode(
            token, SECRET, ["HS512"], audience="slipway", issuer="https://id.example"
        )
        assert claims["sub"] == "alice"

    @pytest.mark.parametrize(
        "given",
        [
            {"jwt_jwks_url": "https://id.example/jwks"},
            {"jwt_secret": SECRET, "jwt_algorithms": "RS256"},
        ],
    )
    def test_is_refused_where_only_private_keys_sign(self, given: dict[str, str]) -> None:
        with pytest.raises(CommandError, match="private key"):
            issue_token(Settings(**given), "alice", expires_in=60)

    def test_says_so_in_one_line(self, run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JWT_JWKS_URL", "https://id.example/jwks")
        code, out, err = run("token", "--sub", "alice")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "private key" in err


class TestErrors:
    def test_wrong_settings_are_named_without_their_values(
        self, run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PORT", "sesame-123")
        monkeypatch.setenv("WORKERS", "0")
        code, out, err = run("token", "--sub", "alice")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "PORT: " in err
        assert "WORKERS: " in err
        assert "sesame" not in err

    def test_unsafe_production_is_refused(self, run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENVIRONMENT", "production")
        code, _, err = run("serve")
        assert (code, err.count("\n")) == (2, 1)
        assert "DATABASE_URL" in err

    @pytest.mark.parametrize("url", ["mysql://u:sesame@h/x", "postgresql://u:se@me@h:1:2/x"])
    def test_a_wrong_database_url_is_not_repeated(
        self, run, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        code, out, err = run("migrate")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "DATABASE_URL" in err
        assert not re.search("sesame|me@", err)

    def test_an_unwritable_data_dir_is_named(self, run, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("file").write_text("")
        monkeypatch.setenv("DATA_DIR", "file/data")
        code, _, err = run("token", "--sub", "alice")
        assert (code, err.count("\n")) == (2, 1)
        assert "file/data" in err


class TestListener:
    def test_port_0_takes_a_free_one(self) -> None:
        with listen("127.0.0.1", 0) as listener:
            assert url_of(listener) == f"http://127.0.0.1:{port_of(listener)}"

    def test_a_taken_port_is_named(self) -> None:
        with (
            listen("127.0.0.1", 0) as holder,
            pytest.raises(CommandError, match=f"port {port_of(holder)} .* is taken"),
        ):
            listen("127.0.0.1", port_of(holder))

    def test_an_address_of_another_machine_is_named(self) -> None:
        with pytest.raises(CommandError, match=r"cannot listen on 192\.0\.2\.1:80"):
            listen("192.0.2.1", 80)

    @pytest.mark.parametrize(
        ("host", "reached"),
        [("0.0.0.0", "127.0.0.1"), ("localhost", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")],
    )
    def test_the_url_is_one_that_this_machine_reaches(self, host: str, reached: str) -> None:
        with listen(host, 0) as listener:
            assert url_of(listener) == f"http://{reached}:{port_of(listener)}"


class TestBanner:
    def test_the_line_is_one_line_of_valid_shell(self) -> None:
        line = upload_line("http://127.0.0.1:8000", "a.b.c")
        assert "\n" not in line
        subprocess.run(["sh", "-n", "-c", line], check=True)

    def test_shows_a_token_that_holds_for_a_day(self) -> None:
        text = banner(Settings(jwt_secret=SECRET), "http://127.0.0.1:8000")
        token = text.partition("Token: ")[2].split()[0]
        claims = jwt.decode(token, SECRET, ["HS256"])
        assert claims["exp"] - claims["iat"] == 24 * 3600

    def test_says_why_there_is_no_token(self) -> None:
        settings = Settings(jwt_jwks_url="https://id.example/jwks")
        text = banner(settings, "http://127.0.0.1:8000")
        assert "private key" in text
        assert "curl" not in text


def test_a_worker_finds_what_was_resolved_and_nothing_more() -> None:
    configured = Settings(s3_secret_key="own", port=0)
    resolved = configured.model_copy(
        update={"database_url": SecretStr("postgresql://x"), "port": 8123}
    )
    assert resolved_environment(resolved, configured) == {
        "DATABASE_URL": "postgresql://x",
        "PORT": "8123",
    }


def test_a_worker_reads_back_what_was_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    configured = Settings()
    resolved = configured.model_copy(
        update={
            "database_url": SecretStr("postgresql://postgres@/slipway?host=/a%20b"),
            "s3_secret_key": SecretStr("s3cret"),
            "s3_addressing_style": "path",
            "data_dir": Path("/elsewhere"),
        }
    )
    for name, value in resolved_environment(resolved, configured).items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == resolved


def test_openapi_prints_the_document(run) -> None:
    code, out, _ = run("openapi")
    assert code == 0
    assert "/presigned-url" in json.loads(out)["paths"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs", "list", "--limit", str(2**63)),
        ("jobs", "retry", str(2**63)),
        ("reconcile", "--min-age", str(2**40)),
    ],
    ids=" ".join,
)
def test_numbers_beyond_what_can_be_are_refused_before_anything_is_asked(
    run, arguments: tuple[str, ...]
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Invalid value" in err
