"""`python -m app explain` on refusals of real stores, each provoked by doing just that."""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from app.cli import app
from app.cli.server import resolved_environment
from app.container import open_explain
from app.domain.checksum import ChecksumAlgorithm
from app.domain.explain.evidence import Evidence, SentRequest
from app.domain.explain.presigned_url import PresignedUrl
from app.infrastructure.storage.error_body import read_text
from app.settings import Settings
from tests.support.aws import Bucket
from tests.support.checksums import checksum_of
from tests.support.service import User, running
from tests.support.stores import open_store

BODY = b"exactly these bytes"
SHA256 = checksum_of(ChecksumAlgorithm.SHA256, BODY)

Explain = Callable[..., Awaitable[Result]]


@dataclass
class Request:
    """What a client is told to send; a test sends something else."""

    method: str
    url: str
    headers: dict[str, str]
    fields: dict[str, str]
    body: Any = BODY

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Request":
        return cls(record["method"], record["url"], dict(record["headers"]), dict(record["fields"]))

    def but(self, **changes: Any) -> "Request":
        return dataclasses.replace(self, **changes)

    def with_header(self, name: str, value: str | None) -> "Request":
        headers = {n: v for n, v in self.headers.items() if n != name}
        return self.but(headers=headers if value is None else {**headers, name: value})

    def with_url(self, old: str, new: str) -> "Request":
        assert old in self.url
        return self.but(url=self.url.replace(old, new))

    async def send(self) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
            if self.fields:
                files = {"file": ("blob", self.body)}
                return await http.post(self.url, data=self.fields, files=files)
            return await http.request(
                self.method, self.url, content=self.body, headers=self.headers
            )


def what_was_sent(request: Request) -> list[str]:
    """The options that tell of it, as somebody reads them off the network tab."""
    lines = {**request.headers, "Content-Length": str(len(request.body))}
    told = [word for name, value in lines.items() for word in ("--header", f"{name}: {value}")]
    return ["--method", request.method, *told]


@pytest.fixture
def explain(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Explain:
    """Types the command, with the settings of a service."""
    monkeypatch.chdir(tmp_path)

    async def command(*words: str, input: str = "", of: Settings = settings) -> Result:
        given = resolved_environment(of, Settings(_env_file=None))
        invoke = CliRunner(env=given).invoke
        result = await asyncio.to_thread(invoke, app, ["explain", *words], input=input)
        assert "X-Amz-Signature" not in result.output
        return result

    return command


@dataclass
class Explained:
    cause: str
    text: str


async def explained(
    explain: Explain, of: Settings, record: dict[str, Any], request: Request, *words: str
) -> Explained:
    """Send it, and have the store's answer explained."""
    answer = await request.send()
    assert answer.status_code >= 300, (request.method, answer.status_code)
    signature = request.url.partition("X-Amz-Signature=")[2][:60]
    given = [*words, "--file", record["id"], "--url", request.url]
    result = await explain("-", "--json", *given, input=answer.text, of=of)
    assert result.exit_code == 0, (result.output, answer.text)
    assert not signature or signature not in result.output
    return Explained(json.loads(result.stdout)["cause"], result.stdout)


Misuses = dict[str, tuple[Callable[[Request], Request], str]]

PUTS: Misuses = {
    "url of another file": (lambda r: r.with_url(".txt", ".png"), "url_altered"),
    "longer life": (lambda r: r.with_url("X-Amz-Expires=900", "X-Amz-Expires=9000"), "url_altered"),
    "another parameter": (lambda r: r.but(url=f"{r.url}&x-id=PutObject"), "url_altered"),
    "signature cut": (lambda r: r.but(url=r.url[:-4]), "url_altered"),
    "type": (lambda r: r.with_header("Content-Type", "text/html"), "header_differs"),
    "length": (lambda r: r.but(body=BODY + b"!"), "header_differs"),
    "method": (lambda r: r.but(method="POST"), "method_differs"),
    "host": (lambda r: r.with_header("Host", "proxy.example"), "host_differs"),
    "checksum": (lambda r: r.but(body=BODY[::-1]), "digest_differs"),
    "digest": (lambda r: r.with_header("Content-MD5", "A" * 22 + "=="), "digest_differs"),
    "no digest": (lambda r: r.with_header("Content-MD5", "zz"), "digest_invalid"),
    "nothing signed": (lambda r: r.but(url=r.url.partition("?")[0]), "not_signed"),
    "signature gone": (
        lambda r: r.but(url=r.url.partition("&X-Amz-Signature")[0]),
        "url_incomplete",
    ),
}
"""What is done wrong with a PUT, and the cause that is found of it."""

FORMS: Misuses = {
    "type": (lambda r: r.but(fields={**r.fields, "Content-Type": "a/b"}), "form_field_differs"),
    "key": (lambda r: r.but(fields={**r.fields, "key": "uploads/x"}), "form_field_differs"),
    "extra": (lambda r: r.but(fields={**r.fields, "x-amz-acl": "private"}), "form_field_extra"),
    "signature": (
        lambda r: r.but(fields={**r.fields, "x-amz-signature": "0" * 64}),
        "form_altered",
    ),
    "longer": (lambda r: r.but(body=BODY + b"!"), "too_large"),
    "shorter": (lambda r: r.but(body=BODY[:-1]), "too_small"),
}


@pytest.fixture(params=["seaweedfs", "ministack"])
def store(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    if request.param == "seaweedfs":
        return settings
    bucket: Bucket = request.getfixturevalue("new_bucket")()
    return bucket.settings


async def causes(store: Settings, record: dict[str, Any], misuses: Misuses) -> dict[str, str]:
    """What is found of each, given the store's answer and what somebody sees that was sent."""
    found = {}
    signed_at = PresignedUrl.parse(record["url"]).signed_at or datetime.now(UTC)
    async with open_explain(store, signing_as_of=signed_at) as service:
        for name, (wrong, _) in misuses.items():
            request = wrong(Request.of(record))
            answer = await request.send()
            evidence = Evidence(
                now=datetime.now(UTC),
                answer=read_text(answer.text).answer,
                url=PresignedUrl.parse(request.url),
                sent=SentRequest(request.method, headers=seen(request)),
            )
            explanation = await service.explain(evidence, UUID(record["id"]))
            assert request.url.rpartition("Signature=")[2][:60] not in str(explanation)
            found[name] = explanation.cause.value
    return found


def seen(request: Request) -> dict[str, str]:
    lines = {**request.headers, "Content-Length": str(len(request.body))}
    return {name.lower(): value for name, value in lines.items()}


@pytest.mark.parametrize(("options", "misuses"), [({}, PUTS), ({"method": "POST"}, FORMS)])
async def test_what_is_done_wrong(
    store: Settings, options: dict[str, Any], misuses: Misuses
) -> None:
    async with running(store) as service:
        record = await User(service.api).ask(BODY, checksum=dataclasses.asdict(SHA256), **options)
        found = await causes(store, record, misuses)
        assert (await Request.of(record).send()).is_success, "the honest one goes through"
    assert found == {name: cause for name, (_, cause) in misuses.items()}


async def test_what_is_stored_already(store: Settings, explain: Explain) -> None:
    async with running(store) as service:
        record = await User(service.api).upload(BODY)
        found = await explained(explain, store, record, Request.of(record))
    assert found.cause == "already_stored"


async def test_a_store_that_does_not_say_what_it_saw(store: Settings, explain: Explain) -> None:
    """Then the reader is told what had to be sent."""
    async with running(store) as service:
        record = await User(service.api).ask(BODY)
        request = Request.of(record).with_header("Content-Type", "text/html")
        found = await explained(explain, store, record, request)
    assert found.cause == "signature_differs"
    assert '"text/plain"' in found.text
    assert f'"{len(BODY)}"' in found.text
    assert "as this service signs it" in found.text


async def test_a_url_that_is_used_late(store: Settings, explain: Explain) -> None:
    past = datetime.now(UTC) - timedelta(hours=3)
    for options in ({}, {"method": "POST"}):
        async with running(store, clock=lambda: past) as service:
            record = await User(service.api).ask(BODY, **options)
            found = await explained(explain, store, record, Request.of(record))
        assert found.cause == "expired", found.text


async def test_a_service_whose_clock_is_ahead(
    new_bucket: Callable[..., Bucket], explain: Explain
) -> None:
    store = (await asyncio.to_thread(new_bucket)).settings
    future = datetime.now(UTC) + timedelta(hours=3)
    async with running(store, clock=lambda: future) as service:
        record = await User(service.api).ask(BODY)
        found = await explained(explain, store, record, Request.of(record))
    assert found.cause == "not_yet_valid"


async def test_another_secret_than_the_stores(store: Settings, explain: Explain) -> None:
    wrong = store.model_copy(update={"s3_secret_key": SecretStr("not-the-stores-own-secret")})
    async with running(wrong) as service:
        record = await User(service.api).ask(BODY)
        request = Request.of(record)
        hinted = await explained(explain, wrong, record, request)
        proven = await explained(explain, wrong, record, request, *what_was_sent(request))
    assert (hinted.cause, proven.cause) == ("signature_differs", "secret_differs")
    assert "S3_SECRET_KEY" in hinted.text
    assert "not-the-stores-own-secret" not in hinted.text + proven.text


async def test_a_key_that_nobody_knows(store: Settings, explain: Explain) -> None:
    wrong = store.model_copy(update={"s3_access_key": SecretStr("NOBODYKNOWSTHISKEY")})
    async with running(wrong) as service:
        record = await User(service.api).ask(BODY)
        found = await explained(explain, wrong, record, Request.of(record))
    assert found.cause == "access_key_unknown"
    assert "NOBODYKNOWSTHISKEY" not in found.text


async def test_a_bucket_that_there_is_not(settings: Settings, explain: Explain) -> None:
    wrong = settings.model_copy(update={"s3_bucket": "no-such-bucket"})
    async with running(wrong) as service:
        record = await User(service.api).ask(BODY)
        found = await explained(explain, wrong, record, Request.of(record))
    assert found.cause == "bucket_missing"


async def test_another_region_and_a_right_that_is_missing(
    new_bucket: Callable[..., Bucket], explain: Explain
) -> None:
    store = (await asyncio.to_thread(new_bucket)).settings
    elsewhere = store.model_copy(update={"s3_region": "eu-west-1"})
    outside = store.model_copy(update={"s3_key_prefix": "not-allowed"})
    for wrong, cause in ((elsewhere, "region_differs"), (outside, "permission_missing")):
        async with running(wrong) as service:
            record = await User(service.api).ask(BODY)
            found = await explained(explain, wrong, record, Request.of(record))
        assert found.cause == cause, found.text


async def test_a_multipart_upload_that_is_gone(store: Settings, explain: Explain) -> None:
    async with running(store) as service:
        user = User(service.api)
        record = await user.ask(BODY, method="multipart")
        url = record["multipart"]["parts"][0]["url"]
        part = Request("PUT", url, {}, {})
        altered = part.with_url("partNumber=1", "partNumber=2")
        assert (await explained(explain, store, record, altered)).cause == "url_altered"
        aborted = await user.call("POST", f"/files/{record['id']}/abort")
        assert aborted.status_code == 200
        found = await explained(explain, store, record, part)
    assert found.cause == "upload_gone"
    assert "The file has failed" in found.text


async def test_a_download_of_what_is_not_there(store: Settings, explain: Explain) -> None:
    async with running(store) as service:
        user = User(service.api)
        record = await user.upload(BODY)
        assert (await user.move(record, "uploaded")).status_code == 200
        issued = await user.call("POST", f"/files/{record['id']}/download-url", json={})
        get = Request("GET", issued.json()["url"], {}, {}, b"")
        typed = get.with_url("text%2Fplain", "text%2Fhtml")
        assert (await explained(explain, store, record, typed)).cause == "url_altered"
        async with open_store(store) as behind_its_back:
            await behind_its_back.delete(record["key"])
        found = await explained(explain, store, record, get)
    assert found.cause == "object_missing"


class TestTheCommand:
    async def test_prints_for_people(self, explain: Explain, user: User) -> None:
        record = await user.ask(BODY)
        request = Request.of(record).with_header("Content-Type", "text/html")
        answer = await request.send()
        given = ["--file", record["id"], "--url", record["url"], *what_was_sent(request)]
        result = await explain(*given, input=answer.text)
        assert result.exit_code == 0
        said = " ".join(result.stdout.split())
        assert "SignatureDoesNotMatch: A header was sent with another value" in said
        assert "content-type text/plain text/html" in said
        assert "What to do: Send exactly the `headers`" in said
        assert "The file is pending: 19 bytes of text/plain by PUT are awaited until" in said

    async def test_needs_no_answer_to_see_what_a_file_is(
        self, explain: Explain, user: User
    ) -> None:
        record = await user.upload(BODY)
        assert (await user.move(record, "completed")).status_code == 200
        result = await explain("--json", "--file", record["id"])
        assert (result.exit_code, json.loads(result.stdout)["cause"]) == (0, "file_settled")

    async def test_finds_the_url_and_the_method_in_a_console(
        self, explain: Explain, user: User
    ) -> None:
        record = await user.ask(BODY)
        answer = await Request.of(record).but(method="POST").send()
        console = f"app.js:7 POST {record['url']} 403 (Forbidden)\napp.js:9 {answer.text}"
        result = await explain("--json", "--file", record["id"], input=console)
        assert json.loads(result.stdout)["cause"] == "method_differs"

    async def test_a_file_of_another_url_is_noted(self, explain: Explain, user: User) -> None:
        record, other = await user.ask(BODY), await user.ask(BODY)
        answer = await Request.of(record).but(method="POST").send()
        given = ["--file", other["id"], "--url", record["url"]]
        result = await explain("--json", *given, input=answer.text)
        assert "does not lead to this file" in result.stdout

    async def test_a_file_that_there_is_not_is_one_line(self, explain: Explain) -> None:
        result = await explain("--file", "0199f3a0-0000-7000-8000-000000000000")
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert "There is no file" in result.stderr

    async def test_a_code_that_nobody_knows_ends_with_1(self, explain: Explain) -> None:
        body = "<Error><Code>Mystery</Code><Message>No \x1b idea</Message></Error>"
        assert (await explain(input=body)).exit_code == 2  # XML has no such character
        result = await explain(input=body.replace("\x1b", "&lt;b&gt;"))
        assert result.exit_code == 1
        assert "Mystery" in result.stdout
        assert "ErrorResponses.html#ErrorCodeList" in result.stdout.replace("\n", "")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "nothing to explain"),
            (("not-there.xml",), "not-there.xml cannot be read"),
            (("--url", "ftp://x"), "the URL cannot be compared"),
            (("--url", "https://h/k?AWSAccessKeyId=a&Signature=b"), "Signature Version 2"),
            (("--url", "https://h/k?X-Amz-Date=today"), "X-Amz-Date"),
            (("--url", "https://h/k?X-Amz-Expires=-1"), "X-Amz-Expires"),
            (("--url", "https://[::1/k"), "the URL cannot be compared"),
            (("--header", "Content-Type"), "--header 'Name: value'"),
        ],
    )
    async def test_says_in_one_line_what_it_cannot_use(
        self, explain: Explain, words: tuple[str, ...], said: str
    ) -> None:
        body = "<Error><Code>SlowDown</Code></Error>" if "--header" in words else ""
        result = await explain(*words, input=body)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert said in result.stderr


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_steers_no_terminal(explain: Explain, words: tuple[str, ...]) -> None:
    r"""U+009B begins the sequences that ESC [ does; half a surrogate pair has no UTF-8 form."""
    body = json.dumps({"code": "odd", "detail": "\ud800\x1b[31m\x9b31m"})
    result = await explain(*words, input=body)
    assert (result.exit_code, result.exception) == (0, None)
    assert not {"\x1b", "\x9b"} & set(result.stdout)
