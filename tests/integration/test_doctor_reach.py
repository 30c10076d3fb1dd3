"""Whether the store can be reached: credentials, clock, bucket, each broken alone."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.container import utc_now
from app.domain.diagnosis import Verdict
from app.settings import Settings
from tests.support.chaos import Answer, Call, answering, dawdling, error, losing_calls
from tests.support.doctor import (
    altering,
    behind,
    examine,
    header,
    said,
    store_verdicts,
    verdicts,
    with_header,
)
from tests.support.multipart import changed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OK, NOTE, SKIPPED, WARNING, FAILURE = Verdict


pytestmark = pytest.mark.usefixtures("nothing_left")


async def test_all_is_well(own: Settings) -> None:
    found = await store_verdicts(own)
    assert not {name for name, verdict in found.items() if verdict not in (OK, NOTE)}, found


async def test_what_cannot_be_said_is_skipped(own: Settings) -> None:
    found = await store_verdicts(changed(own, s3_secret_key="another"))
    told = {"credentials": OK, "clock": OK, "bucket": FAILURE}
    assert {name: verdict for name, verdict in found.items() if verdict is not SKIPPED} == told


class TestCredentials:
    """boto3's own chain, from an environment of the test's."""

    @pytest.fixture(autouse=True)
    def _bare(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def _from_environment(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch, **more: str
    ) -> Settings:
        assert own.s3_access_key
        assert own.s3_secret_key
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", own.s3_access_key.get_secret_value())
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", own.s3_secret_key.get_secret_value())
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        return changed(own, s3_access_key=None, s3_secret_key=None)

    async def test_their_source_is_named_and_they_are_not(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = await examine(own, "credentials")
        assert (found.verdict, "S3_ACCESS_KEY" in said(found)) == (OK, True)
        settings = self._from_environment(own, monkeypatch)
        found = await examine(settings, "credentials")
        assert (found.verdict, "AWS_ACCESS_KEY_ID" in said(found)) == (OK, True)
        assert own.s3_access_key
        assert own.s3_access_key.get_secret_value() not in said(found)

    async def test_none_are_missed(self, own: Settings) -> None:
        found = await examine(changed(own, s3_access_key=None, s3_secret_key=None), "credentials")
        assert found.verdict is FAILURE
        assert "no credentials" in said(found)
        assert (await examine(own, "credentials")).verdict is OK

    @pytest.mark.parametrize("missing", ["s3_access_key", "s3_secret_key"])
    async def test_half_of_them_is_noticed(self, own: Settings, missing: str) -> None:
        found = await examine(changed(own, **{missing: None}), "credentials")
        assert found.verdict is FAILURE
        assert f"{missing.upper()} is not" in said(found)

    async def test_a_profile_that_there_is_not(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        found = await examine(own, "credentials")
        assert (found.verdict, "AWS_PROFILE" in said(found)) == (FAILURE, True)
        assert (await verdicts(own, "bucket"))["bucket"] is SKIPPED

    async def test_a_session_of_which_nobody_knows_the_end(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = self._from_environment(own, monkeypatch, AWS_SESSION_TOKEN="a-token")
        found = await examine(settings, "credentials")
        assert (found.verdict, "a-token" in said(found)) == (WARNING, False)

    async def test_keys_that_end_say_when(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends = datetime.now(UTC) + timedelta(hours=2, seconds=30)
        settings = self._from_environment(
            own, monkeypatch, AWS_SESSION_TOKEN="t", AWS_CREDENTIAL_EXPIRATION=ends.isoformat()
        )
        found = await examine(settings, "credentials")
        assert (found.verdict, " min" in said(found)) == (OK, True)
        found = await examine(changed(settings, presign_expires_in=3600), "credentials")
        assert (found.verdict, "PRESIGN_EXPIRES_IN" in said(found)) == (NOTE, True)

    async def test_keys_that_have_ended(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended = datetime.now(UTC) - timedelta(hours=1)
        settings = self._from_environment(
            own, monkeypatch, AWS_SESSION_TOKEN="t", AWS_CREDENTIAL_EXPIRATION=ended.isoformat()
        )
        assert (await examine(settings, "credentials")).verdict is FAILURE


class TestClock:
    @pytest.mark.parametrize(
        ("ahead", "verdict", "side"),
        [(120, WARNING, "behind"), (-120, WARNING, "ahead of"), (1200, FAILURE, "behind")],
    )
    async def test_a_store_that_has_another_time(
        self, own: Settings, ahead: int, verdict: Verdict, side: str
    ) -> None:
        def later(call: Call, answer: Answer) -> Answer:
            date = format_datetime(utc_now() + timedelta(seconds=ahead), usegmt=True)
            return with_header(answer, "date", date)

        async with behind(own, altering(later)) as settings:
            found = await examine(settings, "clock")
            assert found.verdict is verdict
            assert side in said(found)
            bucket = (await verdicts(settings, "bucket"))["bucket"]
            assert (bucket is SKIPPED) is (verdict is FAILURE)
        async with behind(own, altering(lambda call, answer: answer)) as settings:
            assert (await examine(settings, "clock")).verdict is OK

    async def test_a_clock_of_ours_that_is_wrong(self, own: Settings) -> None:
        found = await examine(own, "clock", ahead=timedelta(hours=1))
        assert (found.verdict, "ahead of" in said(found)) == (FAILURE, True)

    @pytest.mark.parametrize("date", [None, "yesterday"])
    async def test_a_store_that_tells_no_time(self, own: Settings, date: str | None) -> None:
        weather = altering(lambda call, answer: with_header(answer, "date", date))
        async with behind(own, weather) as settings:
            assert (await examine(settings, "clock")).verdict is NOTE

    async def test_a_store_that_is_not_there_is_the_buckets_affair(self, own: Settings) -> None:
        async with behind(own, losing_calls) as settings:
            assert (await examine(settings, "clock")).verdict is NOTE
            assert (await examine(settings, "bucket")).verdict is FAILURE


def in_another_region(status: int) -> Answer:
    """As S3 answers to a URL that was signed for the wrong region."""
    if status == 301:
        refusal = error(301, "PermanentRedirect")
        return with_header(refusal, "x-amz-bucket-region", "eu-west-1")
    body = (
        "<Error><Code>AuthorizationQueryParametersError</Code><Message>Error parsing the "
        "X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
        "</Message><Region>eu-west-1</Region></Error>"
    )
    return Answer(status, body.encode())


class TestBucket:
    async def test_one_that_is_missing_is_created(
        self, fresh: Settings, admin_s3: "S3Client"
    ) -> None:
        own = fresh
        admin_s3.delete_bucket(Bucket=own.s3_bucket)
        found = await examine(own, "bucket")
        assert (found.verdict, "There is no bucket" in said(found)) == (FAILURE, True)
        assert f"create-bucket --bucket {own.s3_bucket}" in said(found)
        assert found.does == "create the bucket"
        found = await examine(own, "bucket", fix=True)
        assert (found.verdict, found.fixed) == (OK, f"Created the bucket {own.s3_bucket}.")
        assert (await examine(own, "bucket", fix=True)).fixed == ""

    @pytest.mark.parametrize("status", [301, 400])
    async def test_one_in_another_region_names_it(self, own: Settings, status: int) -> None:
        async with behind(own, answering(in_another_region(status))) as settings:
            found = await examine(settings, "bucket")
        assert (found.verdict, "S3_REGION=eu-west-1" in said(found)) == (FAILURE, True)

    @pytest.mark.parametrize(
        ("wrong", "remedy"),
        [
            ({"s3_secret_key": "another"}, "secret key"),
            ({"s3_access_key": "nobody"}, "access key"),
        ],
    )
    async def test_keys_that_are_wrong(
        self, own: Settings, wrong: dict[str, str], remedy: str
    ) -> None:
        found = await examine(changed(own, **wrong), "bucket")
        assert (found.verdict, remedy in said(found)) == (FAILURE, True)

    async def test_addresses_that_the_store_does_not_answer_to(self, own: Settings) -> None:
        virtual = f"{own.s3_bucket}.localhost"

        def only_path(call: Call, answer: Answer) -> Answer:
            return error(404, "NoSuchBucket") if virtual in header(call, "host") else answer

        async with behind(own, altering(only_path)) as settings:
            url = str(settings.s3_endpoint_url).replace("127.0.0.1", "localhost")
            wrong = changed(settings, s3_endpoint_url=url, s3_addressing_style="virtual")
            found = await examine(wrong, "bucket")
            assert (found.verdict, "S3_ADDRESSING_STYLE=path" in said(found)) == (FAILURE, True)
            right = changed(wrong, s3_addressing_style="path")
            assert (await examine(right, "bucket")).verdict is OK

    async def test_an_address_at_which_nobody_listens(self, own: Settings) -> None:
        found = await examine(changed(own, s3_endpoint_url="http://127.0.0.1:1"), "bucket")
        assert (found.verdict, "Nothing listens" in said(found)) == (FAILURE, True)

    async def test_an_address_that_does_not_answer_in_time(self, own: Settings) -> None:
        async with behind(own, dawdling, s3_timeout=0.2) as settings:
            found = await examine(settings, "bucket")
        assert (found.verdict, "in time" in said(found)) == (FAILURE, True)

    async def test_a_name_that_nobody_knows(self, own: Settings) -> None:
        found = await examine(changed(own, s3_endpoint_url="http://s3.invalid"), "bucket")
        assert (found.verdict, "s3.invalid" in said(found)) == (FAILURE, True)

    async def test_an_address_that_is_no_s3(self, own: Settings) -> None:
        console = Answer(200, b"<html>Welcome</html>", [(b"content-type", b"text/html")])
        async with behind(own, answering(console)) as settings:
            found = await examine(settings, "bucket")
        assert (found.verdict, "is no S3" in said(found)) == (FAILURE, True)

    async def test_plain_http_behind_https(self, own: Settings) -> None:
        url = str(own.s3_endpoint_url).replace("http://", "https://")
        found = await examine(changed(own, s3_endpoint_url=url), "bucket")
        assert (found.verdict, "TLS" in said(found)) == (FAILURE, True)

    async def test_the_way_is_that_of_the_environments_proxies(
        self, own: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.delenv("no_proxy", raising=False)
        found = await examine(own, "bucket")
        assert (found.verdict, "HTTPS_PROXY" in said(found)) == (FAILURE, True), said(found)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert (await examine(own, "bucket")).verdict is OK

    async def test_the_public_address_is_tried_too(self, own: Settings) -> None:
        async with behind(own, losing_calls) as broken:
            split = changed(own, s3_public_endpoint_url=broken.s3_endpoint_url)
            found = await examine(split, "bucket")
        assert [f.verdict for f in found.findings] == [OK, FAILURE]
        assert "S3_PUBLIC_ENDPOINT_URL" in said(found)
        split = changed(own, s3_public_endpoint_url=own.s3_endpoint_url)
        found = await examine(split, "bucket")
        assert [f.verdict for f in found.findings] == [OK, OK]
