"""`python -m app bucket` on a store that has no bucket yet."""

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from app.cli import app
from app.infrastructure.embedded.seaweedfs import S3Server
from app.infrastructure.storage.bucket import cors_configuration, lifecycle_configuration
from app.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ORIGINS = ["https://a.example", "https://b.example"]


@pytest.fixture(autouse=True)
def _environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    given = {
        "STORAGE_TYPE": "s3",
        "S3_ENDPOINT_URL": s3_server.endpoint_url,
        "S3_ACCESS_KEY": s3_server.access_key,
        "S3_SECRET_KEY": s3_server.secret_key,
        "S3_BUCKET": f"command-{uuid.uuid4().hex[:12]}",
        "S3_PROVIDER": "seaweedfs",
        "CORS_ORIGINS": ",".join(ORIGINS),
        "JWT_SECRET": "a-key-of-more-than-thirty-two-bytes",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def _run(*options: str) -> Result:
    return CliRunner().invoke(app, ["bucket", *options])


def test_makes_the_bucket_and_its_rules_and_may_run_again(admin_s3: "S3Client") -> None:
    name = Settings.load().s3_bucket
    with pytest.raises(ClientError):
        admin_s3.head_bucket(Bucket=name)
    for _ in range(2):
        assert json.loads(_run("--json").stdout) == {"bucket": name, "cors_origins": ORIGINS}
        cors = admin_s3.get_bucket_cors(Bucket=name)["CORSRules"]
        assert cors == cors_configuration(ORIGINS)["CORSRules"]
        [rule] = admin_s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        [wanted] = lifecycle_configuration()["Rules"]
        assert rule["AbortIncompleteMultipartUpload"] == wanted["AbortIncompleteMultipartUpload"]


def test_rules_of_others_stay(admin_s3: "S3Client") -> None:
    name = Settings.load().s3_bucket
    admin_s3.create_bucket(Bucket=name)
    cors = cors_configuration(["https://c.example"])["CORSRules"][0]
    expiry: Any = {
        "ID": "logs",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 30},
    }
    admin_s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [cors]})
    admin_s3.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": [expiry]}
    )
    assert _run().exit_code == 0
    assert admin_s3.get_bucket_cors(Bucket=name)["CORSRules"][1:] == [cors]
    rules = admin_s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert {rule["ID"] for rule in rules} == {"logs", "abort-unfinished-multipart-uploads"}


def test_leaves_the_embedded_store_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_TYPE", "local")
    refused = _run()
    assert (refused.exit_code, "STORAGE_TYPE=s3" in refused.stderr) == (2, True)


def test_says_when_the_store_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "another")
    refused = _run()
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "denies access" in refused.stderr


def test_says_what_is_ready() -> None:
    assert f"{Settings.load().s3_bucket} is ready" in _run().stdout
