"""What goes through a bucket and what must not: rights, the way of a file, refusals."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.container import utc_now
from app.domain.diagnosis import Verdict
from app.infrastructure.diagnosis.permissions import policy_document
from app.infrastructure.diagnosis.probe import BODY
from app.infrastructure.diagnosis.store import PROBES, StoreAccess
from app.settings import Environment, Settings
from tests.support.aws import Bucket
from tests.support.chaos import Answer, Call, answering, error, on
from tests.support.doctor import altering, behind, examine, header, said
from tests.support.multipart import changed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OK, NOTE, _, WARNING, FAILURE = Verdict

RIGHTS = [a for statement in policy_document(Settings())["Statement"] for a in statement["Action"]]


def allow(bucket: Bucket, *taken: str, **added: str) -> None:
    """Give the bucket's user what the service needs, without `taken`, with `added`."""
    document = policy_document(bucket.settings)
    for statement in document["Statement"]:
        statement["Action"] = [a for a in statement["Action"] if a not in taken]
    document["Statement"] += [
        {"Effect": "Allow", "Action": f"s3:{action}", "Resource": resource}
        for action, resource in added.items()
    ]
    bucket.aws.root("iam").put_user_policy(
        UserName=bucket.name, PolicyName="slipway", PolicyDocument=json.dumps(document)
    )


def left_in(bucket: Bucket) -> list[str]:
    """The keys in the bucket, of versions and markers too."""
    listed = bucket.aws.root("s3").list_object_versions(Bucket=bucket.name)
    return [e["Key"] for e in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))]


class TestPermissions:
    @pytest.mark.parametrize("versioned", [False, True])
    async def test_what_is_documented_suffices_and_is_not_too_much(
        self, new_bucket: Callable[..., Bucket], versioned: bool
    ) -> None:
        bucket = new_bucket()
        if versioned:
            keep_versions(bucket)
        found = await examine(bucket.settings, "permissions")
        assert (found.verdict, len(found.findings)) == (OK, 1), said(found)
        assert left_in(bucket) == []

    @pytest.mark.parametrize("right", RIGHTS)
    async def test_each_right_is_missed(
        self, new_bucket: Callable[..., Bucket], right: str
    ) -> None:
        bucket = new_bucket()
        keep_versions(bucket)
        allow(bucket, right)
        found = await examine(bucket.settings, "permissions")
        assert found.verdict is FAILURE, said(found)
        assert f"lack {right}." in said(found)
        assert found.findings[0].remedy
        assert found.findings[0].remedy.document == policy_document(bucket.settings)

    async def test_rights_to_versions_are_not_needed_without_any(
        self, new_bucket: Callable[..., Bucket]
    ) -> None:
        bucket = new_bucket()
        allow(bucket, "s3:DeleteObjectVersion", "s3:ListBucketVersions")
        assert (await examine(bucket.settings, "permissions")).verdict is OK

    @pytest.mark.parametrize(
        ("added", "what"),
        [
            ({"ListAllMyBuckets": "*"}, "list all buckets"),
            ({"GetObject": "arn:aws:s3:::{0}/*"}, "read objects outside uploads/"),
            ({"AbortMultipartUpload": "arn:aws:s3:::*"}, "abort uploads outside uploads/"),
            ({"ListAllMyBuckets": "*", "ListBucket": "*"}, "list the objects of "),
        ],
    )
    async def test_too_many_rights_are_told_of(
        self, new_bucket: Callable[..., Bucket], added: dict[str, str], what: str
    ) -> None:
        bucket, _another = new_bucket(), new_bucket()
        allow(bucket, **{name: arn.format(bucket.name) for name, arn in added.items()})
        found = await examine(bucket.settings, "permissions")
        assert (found.verdict, what in said(found)) == (NOTE, True), said(found)
        strict = bucket.settings.model_copy(update={"environment": Environment.PRODUCTION})
        assert (await examine(strict, "permissions")).verdict is WARNING

    async def test_a_store_that_breaks_is_not_one_that_forbids(self, own: Settings) -> None:
        async with behind(own, answering(error(500, "InternalError"))) as settings:
            found = await examine(settings, "permissions")
        assert (found.verdict, "lack" in said(found)) == (FAILURE, False)


def keep_versions(bucket: Bucket) -> None:
    wanted: Any = {"Status": "Enabled"}
    bucket.aws.root("s3").put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration=wanted)


def _is_put(call: Call) -> bool:
    return call.method == "PUT" and "partNumber" not in call.query


class TestRoundTrip:
    pytestmark = pytest.mark.usefixtures("nothing_left")

    @pytest.mark.parametrize(
        ("strikes", "broken", "step", "remedy"),
        [
            (
                lambda c: _is_put(c) and not _checksummed(c),
                error(403, "SignatureDoesNotMatch"),
                "PUT: 403 SignatureDoesNotMatch.",
                "S3_PUBLIC_ENDPOINT_URL",
            ),
            (
                lambda c: c.method == "POST" and not c.query,
                error(501, "NotImplemented"),
                "POST form: 501 NotImplemented.",
                "S3_PROVIDER=generic",
            ),
            (
                lambda c: "x-amz-checksum-crc64nvme" in c.target.lower() and _is_put(c),
                error(400, "InvalidRequest"),
                "PUT with crc64nvme: 400 InvalidRequest.",
                "S3_PROVIDER=generic",
            ),
            (
                lambda c: bool(header(c, "range")),
                Answer(200, BODY),
                "GET with Range: 200.",
                "S3_PROVIDER=generic",
            ),
            (
                lambda c: "partNumber" in c.query,
                error(403, "AccessDenied"),
                "The part of a multipart: 403 AccessDenied.",
                "policy",
            ),
        ],
        ids=["put", "form", "checksum", "range", "part"],
    )
    async def test_each_step_is_taken(
        self,
        own: Settings,
        strikes: Callable[[Call], bool],
        broken: Answer,
        step: str,
        remedy: str,
    ) -> None:
        weather = altering(lambda call, answer: broken if strikes(call) else answer)
        async with behind(own, weather) as settings:
            found = await examine(settings, "round-trip")
        assert found.verdict is FAILURE
        assert step in said(found)
        assert remedy in said(found)

    async def test_an_object_that_never_arrives_is_missed(self, own: Settings) -> None:
        def lost(call: Call, answer: Answer) -> Answer:
            return Answer(404) if call.method == "HEAD" and PROBES in call.target else answer

        async with behind(own, altering(lost)) as settings:
            found = await examine(settings, "round-trip")
        assert (found.verdict, "HEAD after PUT" in said(found)) == (FAILURE, True)

    async def test_an_object_that_stays_is_told_of(self, fresh: Settings) -> None:
        async with behind(fresh, on("DeleteObject", answering(Answer(204)))) as settings:
            found = await examine(settings, "round-trip")
        assert (found.verdict, "DELETE: the object is still there" in said(found)) == (
            FAILURE,
            True,
        )

    async def test_a_method_that_the_profile_does_not_claim_is_not_tried(
        self, own: Settings
    ) -> None:
        weather = on("POST", answering(error(501, "NotImplemented")))
        async with behind(own, weather, s3_provider="generic") as settings:
            found = await examine(settings, "round-trip")
        assert (found.verdict, "form" in said(found)) == (OK, False), said(found)

    async def test_what_a_killed_examination_left_is_removed_when_it_is_old(
        self, own: Settings, admin_s3: "S3Client"
    ) -> None:
        access = StoreAccess(own, clock=utc_now)
        where: Any = {"Bucket": own.s3_bucket, "Key": f"{access.probes}left/behind"}
        admin_s3.put_object(**where, Body=b"")
        admin_s3.create_multipart_upload(**where)
        try:
            await access.tidy()
            assert admin_s3.head_object(**where)
            access.clock = lambda: utc_now() + timedelta(hours=2)
            await access.tidy()
        finally:
            await access.close()


def _checksummed(call: Call) -> bool:
    return "x-amz-checksum" in call.target.lower() or any(
        name.lower().startswith(b"x-amz-checksum") for name, _ in call.headers
    )


def _completes(call: Call) -> bool:
    return call.operation == "CompleteMultipartUpload"


def _carries(call: Call, algorithm: str) -> bool:
    return bool(header(call, f"x-amz-checksum-{algorithm}"))


class TestEnforcement:
    pytestmark = pytest.mark.usefixtures("nothing_left")

    @pytest.mark.parametrize(
        ("strikes", "what", "remedy"),
        [
            (lambda c: _is_put(c) and len(c.body) == 10, "more bytes than", "No setting"),
            (lambda c: _is_put(c) and len(c.body) == 8, "fewer bytes than", "No setting"),
            (
                lambda c: _is_put(c) and header(c, "content-type") == "text/html",
                "another type than",
                "No setting",
            ),
            (lambda c: _is_put(c) and "-another?" in c.target, "a write to another", "No setting"),
            (lambda c: c.method == "GET" and "response-" in c.target, "a read of", "No setting"),
            (
                lambda c: _is_put(c) and c.body == b"987654321",
                "a second write",
                "S3_PROVIDER=generic",
            ),
            *(
                (
                    lambda c, name=name: _is_put(c) and _carries(c, name),
                    f"bytes that are not those of the signed {name}",
                    "S3_PROVIDER=generic",
                )
                for name in ("sha256", "sha1", "crc32", "crc32c", "crc64nvme")
            ),
            (
                lambda c: c.method == "POST" and b"1234567890\r\n" in c.body,
                "more bytes in a form",
                "S3_PROVIDER=generic",
            ),
            (
                lambda c: c.method == "POST" and b"text/html" in c.body,
                "another type in a form",
                "S3_PROVIDER=generic",
            ),
            (
                lambda c: c.method == "POST" and b"-another\r\n" in c.body,
                "another key in a form",
                "S3_PROVIDER=generic",
            ),
            *(
                (
                    lambda c, name=name: _completes(c) and _carries(c, name),
                    f"parts that do not make up the declared {name}",
                    "S3_PROVIDER=generic",
                )
                for name in ("crc32", "crc32c", "crc64nvme")
            ),
            (
                lambda c: _completes(c) and not _checksummed(c),
                "the completion of a multipart upload onto",
                "S3_PROVIDER=generic",
            ),
        ],
    )
    async def test_what_is_not_refused_is_told_of(
        self, own: Settings, strikes: Callable[[Call], bool], what: str, remedy: str
    ) -> None:
        done = b"<CompleteMultipartUploadResult/>"

        def lenient(call: Call, answer: Answer) -> Answer:
            return Answer(200, done) if answer.status >= 400 and strikes(call) else answer

        async with behind(own, altering(lenient)) as settings:
            found = await examine(settings, "enforcement")
        [finding] = found.findings
        assert (finding.verdict, what in finding.what) == (FAILURE, True), said(found)
        assert remedy in said(found)

    async def test_an_error_is_no_refusal(self, own: Settings) -> None:
        def breaking(call: Call, answer: Answer) -> Answer:
            longer = _is_put(call) and len(call.body) == 10
            return error(500, "InternalError") if longer else answer

        async with behind(own, altering(breaking)) as settings:
            found = await examine(settings, "enforcement")
        assert (found.verdict, "500 InternalError" in said(found)) == (FAILURE, True)

    async def test_a_profile_that_claims_little_says_so(self, own: Settings) -> None:
        found = await examine(changed(own, s3_provider="generic"), "enforcement")
        assert (found.verdict, "S3_PROVIDER" in said(found)) == (NOTE, True)
