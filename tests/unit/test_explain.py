"""The rules of `explain` on documents as AWS, R2 and MinIO word them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.checksum import Checksum, ChecksumAlgorithm
from app.domain.explain.catalogue import ADVICE
from app.domain.explain.evidence import Evidence, SentRequest, StoreError
from app.domain.explain.explanation import Cause, Explanation
from app.domain.explain.presigned_url import PresignedUrl
from app.domain.explain.rules import explain
from app.domain.file import FileStatus, UploadMethod
from app.infrastructure.storage.error_body import read_text
from tests.support.records import NOON, a_record

SECRET_PARTS = ("feedfacefeedface", "AKIAIOSFODNN7EXAMPLE", "FQoGZXIvYXdzSESSION")
QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261121%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261121T120000Z&X-Amz-Expires=900&X-Amz-Security-Token=FQoGZXIvYXdzSESSION"
    "&X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match"
)
HOST = "bucket.s3.us-east-1.amazonaws.com"
RECORD = a_record()
SEEN = {"content-length": "5", "content-type": "text/plain", "host": HOST, "if-none-match": "*"}


def url(record: Any = RECORD) -> PresignedUrl:
    return PresignedUrl.parse(
        f"https://{HOST}/{record.key}?{QUERY}&X-Amz-Signature=feedfacefeedface"
    )


def mismatch(
    method: str = "PUT", path: str = f"/{RECORD.key}", query: str = QUERY, **headers: str
) -> str:
    """AWS's body, which R2's equals but for the wording of its message:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    """
    lines = [f"{name.replace('_', '-')}:{value}" for name, value in headers.items()]
    canonical = "\n".join([method, path, query, *lines, "", ";".join(headers), "UNSIGNED-PAYLOAD"])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SignatureDoesNotMatch</Code>'
        "<Message>The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.</Message>"
        "<AWSAccessKeyId>AKIAIOSFODNN7EXAMPLE</AWSAccessKeyId>"
        "<StringToSign>AWS4-HMAC-SHA256\n20261121T120000Z\n20261121/us-east-1/s3/aws4_request\n"
        "0123</StringToSign><SignatureProvided>feedfacefeedface</SignatureProvided>"
        f"<CanonicalRequest>{canonical.replace('&', '&amp;')}</CanonicalRequest>"
        f"<CanonicalRequestBytes>{canonical.encode().hex(' ')}</CanonicalRequestBytes>"
        "<RequestId>4442587FB7D0A2F9</RequestId><HostId>vv2</HostId></Error>"
    )


def judged(body: str | None, *, now: datetime = NOON, **known: Any) -> Explanation:
    answer = None if body is None else read_text(body).answer
    found = explain(Evidence(now=now, answer=answer, **known))
    assert not [secret for secret in SECRET_PARTS if secret in str(found)]
    return found


class TestSignature:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""

    @pytest.mark.parametrize(
        ("seen", "cause", "difference"),
        [
            ({"method": "POST"}, "method_differs", ("method", "PUT", "POST")),
            ({"path": "/other"}, "key_differs", ("path", f"/{RECORD.key}", "/other")),
            (
                {"path": f"/{RECORD.key}".replace("-", "%2D")},
                "key_encoding_differs",
                ("path", f"/{RECORD.key}", f"/{RECORD.key}".replace("-", "%2D")),
            ),
            (
                {"query": f"{QUERY}&x-id=PutObject"},
                "query_differs",
                ("query parameter x-id", None, "PutObject"),
            ),
            (
                {"query": QUERY.replace("SESSION", "ANOTHER")},
                "query_differs",
                ("the session token", "(not shown)", "(not shown)"),
            ),
            ({"host": "proxy.example"}, "host_differs", ("host", HOST, "proxy.example")),
            (
                {"content-type": "text/html"},
                "header_differs",
                ("content-type", "text/plain", "text/html"),
            ),
            ({"content-type": ""}, "header_missing", ("content-type", "text/plain", None)),
            ({"content-length": "6"}, "header_differs", ("content-length", "5", "6")),
            ({"if-none-match": ""}, "header_missing", ("if-none-match", "*", None)),
        ],
    )
    def test_names_what_the_store_saw_otherwise(
        self, seen: dict[str, str], cause: str, difference: tuple[str | None, ...]
    ) -> None:
        found = judged(mismatch(**(SEEN | seen)), url=url(), record=RECORD)
        [only] = found.differences
        assert (found.cause, (only.what, only.signed, only.sent)) == (cause, difference)

    def test_finds_another_secret_where_all_is_equal(self) -> None:
        found = judged(mismatch(**SEEN), url=url(), record=RECORD)
        assert (found.cause, found.differences) == (Cause.SECRET_DIFFERS, ())

    def test_doubts_the_secret_as_long_as_something_else_can_have_changed(self) -> None:
        body = "<Error><Code>SignatureDoesNotMatch</Code></Error>"
        proven = judged(mismatch(**SEEN), url=url(), record=RECORD, signed=url())
        assert "Unless" not in proven.what
        for known, doubt in (
            ({"sent": SentRequest("PUT", headers=SEEN), "signed": url()}, "proxy"),
            ({"sent": SentRequest("PUT", headers=SEEN, complete=True)}, "URL"),
        ):
            found = judged(body, url=url(), record=RECORD, **known)
            assert (found.cause, doubt in found.what) == (Cause.SECRET_DIFFERS, True), found.what

    def test_blames_no_secret_for_a_url_that_nobody_could_compare(self) -> None:
        """The URL of a part says all that it signs; whether it is the one that was given it does
        not say."""
        given = f"https://{HOST}/{RECORD.key}?{QUERY.partition('content-')[0]}host"
        body = mismatch(query=given.partition("?")[2], host=HOST)
        signed = PresignedUrl.parse(f"{given}&X-Amz-Signature=feedfacefeedface")
        found = judged(body, url=signed)
        assert found.cause is Cause.SIGNATURE_DIFFERS
        assert "Add --file" in found.remedy

    def test_claims_nothing_of_values_that_only_the_record_knows(self) -> None:
        found = judged(mismatch(**SEEN), url=url())
        assert found.cause is Cause.SIGNATURE_DIFFERS
        shown = {(d.what, d.signed, d.sent) for d in found.differences}
        assert ("content-type", None, "text/plain") in shown
        assert any(f"--file {RECORD.id}" in note for note in found.notes)

    def test_reads_what_a_browser_has_put_on_one_line(self) -> None:
        body = mismatch(**(SEEN | {"host": "proxy.example"})).replace("\n", " ")
        assert judged(body, url=url(), record=RECORD).cause is Cause.HOST_DIFFERS

    def test_asks_for_the_url_where_there_is_none(self) -> None:
        found = judged(mismatch(**SEEN))
        assert (found.cause, "--url" in found.remedy) == (Cause.SIGNATURE_DIFFERS, True)

    def test_takes_the_checksum_for_signed(self) -> None:
        checksum = Checksum(ChecksumAlgorithm.CRC32, "NhCmhg==")
        record = a_record(checksum=checksum)
        signed = PresignedUrl.parse(
            f"https://{HOST}/{record.key}?{QUERY}%3Bx-amz-checksum-crc32&X-Amz-Signature=f"
        )
        sent = SentRequest("PUT", headers={**SEEN, "x-amz-checksum-crc32": "AAAAAA=="})
        body = "<Error><Code>SignatureDoesNotMatch</Code></Error>"
        found = judged(body, url=signed, record=record, sent=sent)
        assert [d.what for d in found.differences] == ["x-amz-checksum-crc32"]

    def test_knows_a_form_by_its_string_to_sign(self) -> None:
        body = (
            "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>eyJleHAi</StringToSign></Error>"
        )
        assert judged(body).cause is Cause.FORM_ALTERED

    def test_a_signature_of_the_services_own_tells_an_altered_url(self) -> None:
        given = url()
        signed = PresignedUrl.parse(
            f"https://{HOST}/{RECORD.key}?{QUERY}&X-Amz-Signature=another".replace("=900", "=60")
        )
        body = "<Error><Code>SignatureDoesNotMatch</Code></Error>"
        found = judged(body, url=given, record=RECORD, signed=signed)
        assert found.cause is Cause.URL_ALTERED
        assert [d.what for d in found.differences] == ["query parameter X-Amz-Expires"]


def error(code: str, message: str = "", **fields: str) -> str:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<Error><Code>{code}</Code><Message>{message}</Message>{inner}</Error>"


LATE = {"Expires": "2026-11-21T12:15:00Z", "ServerTime": "2026-11-21T13:15:00Z"}
SKEW = {"RequestTime": "20261121T120000Z", "ServerTime": "2026-11-21T11:00:16Z"}
POLICY = "Invalid according to Policy: "


@pytest.mark.parametrize(
    ("body", "cause", "said"),
    [
        # https://github.com/versity/versitygw/issues/2116 quotes AWS's body
        (error("AccessDenied", "Request has expired", **LATE), "expired", "60 minutes before"),
        # https://developers.cloudflare.com/r2/api/error-codes/
        (error("ExpiredRequest", "Presigned URL has expired"), "expired", "after its end"),
        # https://github.com/minio/minio/blob/master/cmd/api-errors.go (ErrRequestNotReadyYet)
        (error("AccessDenied", "Request is not valid yet"), "not_yet_valid", "clock"),
        # https://github.com/ex-aws/ex_aws/issues/335 quotes AWS's body
        (
            error(
                "AccessDenied",
                "There were headers present in the request which were not signed",
                HeadersNotSigned="x-amz-acl, x-amz-tagging",
            ),
            "header_not_signed",
            "x-amz-tagging",
        ),
        # https://github.com/awsdocs/aws-doc-sdk-examples/pull/5490 quotes AWS's body
        (
            error("AccessDenied", POLICY + 'Policy Condition failed: ["eq", "$acl", "private"]'),
            "form_field_differs",
            "field acl",
        ),
        # https://github.com/cloudreve/cloudreve/issues/959 quotes AWS's body
        (
            error("AccessDenied", POLICY + "Extra input fields: name"),
            "form_field_extra",
            "field name",
        ),
        # https://github.com/minio/minio-py/issues/1047 quotes MinIO's body
        (
            error("AccessDenied", f"Access Denied. ({POLICY}Policy Condition failed)"),
            "form_field_differs",
            "does not say which",
        ),
        (error("AccessDenied", POLICY + "Policy expired."), "expired", "new form"),
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
        (
            error(
                "AccessDenied",
                "User: arn:aws:iam::1:user/u is not authorized to perform: s3:PutObject on "
                'resource: "arn:aws:s3:::b/k" with an explicit deny in a resource-based policy',
            ),
            "permission_missing",
            "s3:PutObject is denied",
        ),
        (
            error("AccessDenied", "not authorized to perform: kms:GenerateDataKey on resource"),
            "encryption_key",
            "kms:GenerateDataKey",
        ),
        # https://github.com/aws/aws-sdk-php/issues/612 quotes AWS's body
        (error("RequestTimeTooSkewed", **SKEW), "clock_differs", "59 minutes ahead of"),
        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
        (
            error("EntityTooLarge", ProposedSize="7", MaxSizeAllowed="5"),
            "too_large",
            "size in bytes",
        ),
        (
            error("EntityTooSmall", ProposedSize="1", MinSizeAllowed="5242880", PartNumber="1"),
            "part_too_small",
            "Part 1",
        ),
        (
            error("PermanentRedirect", Endpoint="b.s3-eu-west-1.amazonaws.com"),
            "region_differs",
            "b.s3-eu-west-1.amazonaws.com",
        ),
        (error("AuthorizationHeaderMalformed", Region="eu-west-1"), "region_differs", "eu-west-1"),
        (
            error(
                "AccessDenied",
                "User: arn:aws:iam::1:user/kms-expired is not authorized to perform: s3:PutObject "
                'on resource: "arn:aws:s3:::b/k" because no policy allows it',
            ),
            "permission_missing",
            "s3:PutObject is not allowed",
        ),
        # https://github.com/ai-dock/comfyui/issues/34 quotes AWS's body
        (
            error(
                "AuthorizationQueryParametersError",
                "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; "
                "expecting 'eu-central-1'",
                Region="eu-central-1",
            ),
            "region_differs",
            "eu-central-1",
        ),
        # https://github.com/bryanjos/aws_auth/issues/31 quotes AWS's body
        (
            error(
                "AuthorizationQueryParametersError",
                "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                "X-Amz-Expires must be less than 604800 seconds",
            ),
            "url_incomplete",
            "less than 604800 seconds",
        ),
        # https://github.com/grafana/loki/issues/9224 quotes R2's message
        (
            error("InvalidArgument", "Credential access key has length 20, should be 32"),
            "access_key_unknown",
            "S3_ACCESS_KEY",
        ),
        # https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
        (
            error(
                "InvalidArgument",
                "Bucket POST must contain a field named 'key'.  If it is specified, please check "
                "the order of the fields.",
                ArgumentName="key",
            ),
            "form_malformed",
            "field named 'key'",
        ),
        (
            error("InvalidArgument", "Odd", ArgumentName="partNumber", ArgumentValue="0"),
            "argument_invalid",
            "partNumber",
        ),
        # https://github.com/aws/aws-sdk-js/issues/1237 quotes AWS's body
        (error("NotImplemented", Header="Transfer-Encoding"), "length_missing", "Content-Length"),
        # https://github.com/minio/minio/blob/master/cmd/api-errors.go (ErrContentChecksumMismatch)
        (error("XAmzContentChecksumMismatch"), "digest_differs", "checksum"),
    ],
)
def test_documents_of_every_store(body: str, cause: str, said: str) -> None:
    found = judged(body)
    assert (found.cause, said in str(found)) == (cause, True), found


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_every_code_of_the_table_is_explained(code: str) -> None:
    found = judged(error(code))
    assert found.is_recognised
    assert found.what.endswith(".")
    assert found.remedy


def test_an_unknown_code_is_told_without_what_is_secret() -> None:
    found = judged(error("Odd", "So it is", Detail="why", SignatureProvided="feedfacefeedface"))
    assert not found.is_recognised
    assert "So it is" in found.what
    assert [(d.what, d.sent) for d in found.differences] == [("Detail", "why")]


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20200504/x, Signature=feedfacefeedface",
        "Bearer feedfacefeedface",
        "AWS AKIAIOSFODNN7EXAMPLE:feedfacefeedface=",
    ],
)
def test_a_header_of_authorization_is_named_and_not_shown(value: str) -> None:
    """https://github.com/catalyst/moodle-tool_objectfs/issues/303 quotes AWS's body"""
    said = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, …"
    found = judged(
        error("InvalidArgument", said, ArgumentName="Authorization", ArgumentValue=value)
    )
    assert found.cause is Cause.AUTHORIZATION_SENT
    assert "`Authorization`" in found.remedy
    unheard = error("Odd", ArgumentName="x-amz-security-token", ArgumentValue=value)
    assert not judged(unheard).is_recognised


def test_a_store_whose_clock_is_ahead() -> None:
    body = error("AccessDenied", "Request has expired")
    assert judged(body, url=url()).cause is Cause.CLOCK_DIFFERS
    later = judged(body, url=url(), now=NOON + timedelta(hours=1))
    assert later.cause is Cause.EXPIRED
    assert "The URL ended 45 minutes ago, at 2026-11-21 12:15:00 UTC." in later.notes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": FileStatus.UPLOADED}, "The file is uploaded: its bytes are in the store"),
        ({"status": FileStatus.FAILED, "status_reason": "gone"}, "The file has failed (gone)"),
        ({"deleted_at": NOON}, "The file was deleted at 2026-11-21 12:00:00 UTC"),
        ({"ends_at": NOON}, "The upload ended at"),
        ({}, "The file is pending: 5 bytes of text/plain by PUT are awaited"),
    ],
)
def test_says_how_the_file_stands(changes: dict[str, Any], said: str) -> None:
    found = judged(error("SlowDown"), record=a_record(**changes))
    assert any(note.startswith(said) for note in found.notes), found.notes


def test_says_when_the_store_speaks_of_another_key() -> None:
    found = judged(error("NoSuchKey", Key="uploads/other"), record=RECORD)
    assert any("uploads/other" in note for note in found.notes)


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        ({"url": url()}, Cause.NOTHING_WRONG),
        ({"url": url(), "now": NOON + timedelta(days=1)}, Cause.EXPIRED),
        ({"record": a_record(status=FileStatus.COMPLETED)}, Cause.FILE_SETTLED),
        ({"record": RECORD}, Cause.NOTHING_WRONG),
    ],
)
def test_without_an_answer(known: dict[str, Any], cause: Cause) -> None:
    assert judged(None, **known).cause is cause


def test_a_form_shows_what_was_declared_where_the_store_does_not() -> None:
    record = a_record(method=UploadMethod.POST)
    found = judged(error("AccessDenied", POLICY + "Policy Condition failed"), record=record)
    assert ("field Content-Type", "text/plain") in {(d.what, d.signed) for d in found.differences}


class TestPresignedUrl:
    def test_says_what_it_is(self) -> None:
        found = url()
        assert (found.host, found.is_signed) == (HOST, True)
        assert found.signed_headers == ("content-length", "content-type", "host", "if-none-match")
        assert found.expires_at == datetime(2026, 11, 21, 12, 15, tzinfo=UTC)
        assert found.names(RECORD.key)
        assert "feedface" not in repr(found)

    @pytest.mark.parametrize(
        ("text", "host"),
        [("https://A.example:443/k", "a.example"), ("http://u:p@h:8333/k", "h:8333")],
    )
    def test_has_the_host_as_a_request_names_it(self, text: str, host: str) -> None:
        assert PresignedUrl.parse(text).host == host

    @pytest.mark.parametrize("text", ["", "uploads/a", "ftp://h/k", "https:///k", "https://[::1/"])
    def test_refuses_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"https://|Invalid IPv6"):
            PresignedUrl.parse(text)


def test_the_body_of_a_store_that_says_nothing() -> None:
    assert explain(Evidence(now=NOON, answer=StoreError("InternalError"))).cause == "store_failed"
