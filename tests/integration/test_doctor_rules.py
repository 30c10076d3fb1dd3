"""What the bucket is set to: CORS, lifecycle, who may enter, versions, encryption."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from app.domain.diagnosis import Verdict
from app.infrastructure.storage.bucket import cors_configuration, lifecycle_configuration
from app.settings import Settings
from tests.support.aws import ROOT, Aws, Bucket
from tests.support.chaos import Answer, Call, error
from tests.support.doctor import ORIGIN, altering, behind, examine, said
from tests.support.multipart import changed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OK, NOTE, _, WARNING, FAILURE = Verdict

AdminBucket = tuple[Settings, "S3Client"]


@pytest.fixture
def bucket(new_bucket: Callable[..., Bucket], aws: Aws) -> AdminBucket:
    """A bucket of the double of AWS, and settings that may do everything with it."""
    made = new_bucket()
    root = dict(zip(("s3_access_key", "s3_secret_key"), ROOT, strict=True))
    return changed(made.settings, **root), aws.root("s3")


FOREIGN = {"AllowedOrigins": ["https://other.example"], "AllowedMethods": ["GET"]}
"""Somebody else's rule, which must survive."""


def cors_of(admin: "S3Client", settings: Settings) -> list[Any]:
    return list(admin.get_bucket_cors(Bucket=settings.s3_bucket)["CORSRules"])


def set_cors(admin: "S3Client", settings: Settings, *rules: Any) -> None:
    wanted: Any = {"CORSRules": list(rules)}
    admin.put_bucket_cors(Bucket=settings.s3_bucket, CORSConfiguration=wanted)


def rule(**changes: Any) -> dict[str, Any]:
    """The rule that suffices, changed."""
    return {**cors_configuration([ORIGIN])["CORSRules"][0], **changes}


class TestCors:
    @pytest.mark.parametrize(
        ("broken", "what"),
        [
            ({"AllowedOrigins": ["https://other.example"]}, "PUT"),
            ({"AllowedMethods": ["GET", "HEAD", "POST"]}, "PUT"),
            ({"AllowedHeaders": ["content-type"]}, "if-none-match"),
            (
                {"AllowedHeaders": ["content-type", "if-none-match", "range"]},
                "x-amz-checksum-sha256",
            ),
        ],
    )
    async def test_a_rule_that_is_too_narrow_is_mended(
        self, fresh: Settings, admin_s3: "S3Client", broken: dict[str, Any], what: str
    ) -> None:
        set_cors(admin_s3, fresh, rule(**broken), FOREIGN)
        found = await examine(fresh, "cors")
        assert found.verdict is FAILURE, said(found)
        assert what in said(found)
        assert ORIGIN in said(found)
        found = await examine(fresh, "cors", fix=True)
        assert (found.verdict, bool(found.fixed)) == (OK, True), said(found)
        after = cors_of(admin_s3, fresh)
        assert after[0] == rule()
        assert FOREIGN["AllowedOrigins"] in [r["AllowedOrigins"] for r in after]
        assert (await examine(fresh, "cors", fix=True)).fixed == ""
        assert cors_of(admin_s3, fresh) == after

    async def test_an_etag_that_pages_may_not_read_is_mended(
        self, fresh: Settings, admin_s3: "S3Client"
    ) -> None:
        set_cors(admin_s3, fresh, rule(ExposeHeaders=["Location"]))
        found = await examine(fresh, "cors")
        assert (found.verdict, "etag" in said(found)) == (WARNING, True)
        found = await examine(fresh, "cors", fix=True)
        assert (found.verdict, bool(found.fixed)) == (OK, True), said(found)

    async def test_each_origin_is_tried(self, fresh: Settings) -> None:
        two = changed(fresh, cors_origins=(ORIGIN, "https://b.example"))
        found = await examine(two, "cors")
        assert [f.verdict for f in found.findings] == [OK, FAILURE]
        assert "https://b.example" in found.findings[1].what
        found = await examine(two, "cors", fix=True)
        assert [f.verdict for f in found.findings] == [OK, OK]

    async def test_every_origin_is_one_too(self, fresh: Settings, admin_s3: "S3Client") -> None:
        everyone = changed(fresh, cors_origins=("*",))
        assert (await examine(everyone, "cors")).verdict is FAILURE
        set_cors(admin_s3, fresh, rule(AllowedOrigins=["*"]))
        assert (await examine(everyone, "cors")).verdict is OK

    async def test_no_origins_need_no_rules(self, own: Settings) -> None:
        assert (await examine(changed(own, cors_origins=()), "cors")).verdict is NOTE

    async def test_the_remedy_holds_the_rules_of_others(
        self, fresh: Settings, admin_s3: "S3Client"
    ) -> None:
        set_cors(admin_s3, fresh, FOREIGN)
        [finding] = (await examine(fresh, "cors")).findings
        assert finding.remedy
        assert f"put-bucket-cors --bucket {fresh.s3_bucket}" in finding.remedy.command
        document = json.loads(json.dumps(finding.remedy.document))
        set_cors(admin_s3, fresh, *document["CORSRules"])
        assert (await examine(fresh, "cors")).verdict is OK

    async def test_rules_that_cannot_be_read_are_not_overwritten(
        self, fresh: Settings, admin_s3: "S3Client"
    ) -> None:
        set_cors(admin_s3, fresh, FOREIGN)
        before = cors_of(admin_s3, fresh)

        def secretive(call: Call, answer: Answer) -> Answer:
            hidden = call.method == "GET" and "cors" in call.query
            return error(403, "AccessDenied") if hidden else answer

        async with behind(fresh, altering(secretive)) as settings:
            found = await examine(settings, "cors", fix=True)
        assert (found.verdict, found.fixed) == (FAILURE, "")
        assert cors_of(admin_s3, fresh) == before

    async def test_a_fix_that_is_refused_says_which_right_it_takes(
        self, fresh: Settings, admin_s3: "S3Client"
    ) -> None:
        set_cors(admin_s3, fresh, FOREIGN)

        def strict(call: Call, answer: Answer) -> Answer:
            return error(403, "AccessDenied") if "cors" in call.query else answer

        async with behind(fresh, altering(strict)) as settings:
            found = await examine(settings, "cors", fix=True)
        assert (found.verdict, found.fixed) == (FAILURE, "")


def set_rules(admin: "S3Client", settings: Settings, *rules: Any) -> None:
    wanted: Any = {"Rules": list(rules)}
    admin.put_bucket_lifecycle_configuration(
        Bucket=settings.s3_bucket, LifecycleConfiguration=wanted
    )


def aborting(days: int, prefix: str = "", **more: Any) -> dict[str, Any]:
    return {
        "ID": "of-somebody-else",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
        **more,
    }


OURS: Any = lifecycle_configuration()["Rules"][0]


class TestLifecycle:
    """On the double of AWS, which keeps rules as they are."""

    @pytest.mark.parametrize(
        "rules",
        [
            [],
            [aborting(30, Status="Disabled")],
            [aborting(30, "uploads/avatars/")],
            [aborting(30, "somewhere/else/")],
        ],
    )
    async def test_a_missing_rule_is_added(self, bucket: AdminBucket, rules: list[Any]) -> None:
        settings, admin = bucket
        if rules:
            set_rules(admin, settings, *rules)
        found = await examine(settings, "lifecycle")
        assert (found.verdict, "No lifecycle rule" in said(found)) == (WARNING, True)
        found = await examine(settings, "lifecycle", fix=True)
        assert (found.verdict, bool(found.fixed)) == (OK, True), said(found)
        after = admin.get_bucket_lifecycle_configuration(Bucket=settings.s3_bucket)["Rules"]
        assert [r["ID"] for r in after] == [*(r["ID"] for r in rules), OURS["ID"]]
        assert (await examine(settings, "lifecycle", fix=True)).fixed == ""

    @pytest.mark.parametrize("prefix", ["", "up", "uploads/"])
    async def test_a_rule_of_others_suffices(self, bucket: AdminBucket, prefix: str) -> None:
        settings, admin = bucket
        set_rules(admin, settings, aborting(28, prefix))
        found = await examine(settings, "lifecycle")
        assert (found.verdict, "28 days" in said(found)) == (OK, True)

    @pytest.mark.parametrize("prefix", ["", "uploads/", "uploads/avatars/"])
    async def test_a_rule_of_others_that_is_too_early_is_left_to_them(
        self, bucket: AdminBucket, prefix: str
    ) -> None:
        settings, admin = bucket
        set_rules(admin, settings, aborting(27, prefix), OURS)
        found = await examine(settings, "lifecycle", fix=True)
        assert (found.verdict, found.fixed) == (FAILURE, "")
        assert "of-somebody-else (27 days)" in said(found)
        set_rules(admin, settings, aborting(27, "elsewhere/"), OURS)
        assert (await examine(settings, "lifecycle")).verdict is OK

    async def test_our_own_rule_is_put_right(self, bucket: AdminBucket) -> None:
        settings, admin = bucket
        set_rules(admin, settings, aborting(7, ID=OURS["ID"]), aborting(40, "else/"))
        assert (await examine(settings, "lifecycle")).verdict is FAILURE
        found = await examine(settings, "lifecycle", fix=True)
        assert (found.verdict, bool(found.fixed)) == (OK, True)
        after = admin.get_bucket_lifecycle_configuration(Bucket=settings.s3_bucket)["Rules"]
        assert {r["ID"] for r in after} == {"of-somebody-else", OURS["ID"]}

    async def test_objects_that_expire_are_told_of(self, bucket: AdminBucket) -> None:
        settings, admin = bucket
        expiring = {
            "ID": "expiring",
            "Status": "Enabled",
            "Filter": {"Prefix": "uploads/"},
            "Expiration": {"Days": 90},
        }
        set_rules(admin, settings, OURS, expiring)
        found = await examine(settings, "lifecycle")
        assert (found.verdict, "expiring" in said(found)) == (NOTE, True)
        set_rules(admin, settings, OURS, expiring | {"Filter": {"Prefix": "logs/"}})
        assert (await examine(settings, "lifecycle")).verdict is OK
        markers = {"ExpiredObjectDeleteMarker": True}
        set_rules(admin, settings, OURS, expiring | {"Expiration": markers})
        assert (await examine(settings, "lifecycle")).verdict is OK


def letting_in(settings: Settings, action: str, resource: str = "") -> str:
    """A bucket policy that lets everybody do that."""
    arn = f"arn:aws:s3:::{settings.s3_bucket}{resource}"
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class TestPublicAccess:
    @pytest.mark.parametrize(
        ("action", "resource", "what"),
        [
            ("s3:GetObject", "/*", "read objects"),
            ("s3:ListBucket", "", "list the bucket"),
            ("s3:PutObject", "/*", "write objects"),
        ],
    )
    async def test_an_open_bucket_is_a_failure(
        self, bucket: AdminBucket, action: str, resource: str, what: str
    ) -> None:
        settings, admin = bucket
        where = {"Bucket": settings.s3_bucket}
        admin.delete_public_access_block(**where)
        admin.put_bucket_policy(**where, Policy=letting_in(settings, action, resource))
        found = await examine(settings, "public-access")
        assert (found.verdict, f"Anybody may {what}." in said(found)) == (FAILURE, True)
        assert "Contents" not in admin.list_objects_v2(**where)
        admin.delete_bucket_policy(**where)
        assert (await examine(settings, "public-access")).verdict is WARNING

    async def test_a_missing_block_is_a_warning(self, bucket: AdminBucket) -> None:
        settings, admin = bucket
        switches: Any = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
            True,
        )

        def block(**changes: bool) -> None:
            wanted: Any = switches | changes
            admin.put_public_access_block(
                Bucket=settings.s3_bucket, PublicAccessBlockConfiguration=wanted
            )

        admin.delete_public_access_block(Bucket=settings.s3_bucket)
        found = await examine(settings, "public-access")
        assert (found.verdict, "put-public-access-block" in said(found)) == (WARNING, True)
        block()
        assert (await examine(settings, "public-access")).verdict is OK
        block(BlockPublicPolicy=False)
        found = await examine(settings, "public-access")
        assert (found.verdict, "BlockPublicPolicy is off" in said(found)) == (WARNING, True)

    async def test_what_only_administrators_may_read_is_a_note(
        self, new_bucket: Callable[..., Bucket]
    ) -> None:
        found = await examine(new_bucket().settings, "public-access")
        assert (found.verdict, "s3:GetBucketPublicAccessBlock" in said(found)) == (NOTE, True)

    async def test_stores_without_that_block_are_only_tried(self, own: Settings) -> None:
        assert (await examine(own, "public-access")).verdict is OK


class TestReports:
    async def test_versions(self, bucket: AdminBucket) -> None:
        settings, admin = bucket
        assert (await examine(settings, "versioning")).verdict is OK
        for status, verdict in (("Enabled", NOTE), ("Suspended", OK)):
            wanted: Any = {"Status": status}
            admin.put_bucket_versioning(Bucket=settings.s3_bucket, VersioningConfiguration=wanted)
            assert (await examine(settings, "versioning")).verdict is verdict

    @pytest.mark.parametrize(("algorithm", "verdict"), [("AES256", OK), ("aws:kms", NOTE)])
    async def test_encryption(self, bucket: AdminBucket, algorithm: str, verdict: Verdict) -> None:
        settings, admin = bucket
        admin.delete_bucket_encryption(Bucket=settings.s3_bucket)
        assert (await examine(settings, "encryption")).verdict in (NOTE, OK)
        default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
        wanted: Any = {"Rules": [default]}
        admin.put_bucket_encryption(
            Bucket=settings.s3_bucket, ServerSideEncryptionConfiguration=wanted
        )
        found = await examine(settings, "encryption")
        assert (found.verdict, algorithm in said(found)) == (verdict, True)

    @pytest.mark.parametrize("name", ["lifecycle", "versioning", "encryption"])
    @pytest.mark.parametrize(
        ("answer", "verdict", "what"),
        [
            (error(501, "NotImplemented"), NOTE, "NotImplemented"),
            (error(403, "AccessDenied"), NOTE, "may not read"),
            (error(503, "SlowDown"), FAILURE, "slow down"),
        ],
    )
    async def test_a_store_that_does_not_tell(
        self, own: Settings, name: str, answer: Answer, verdict: Verdict, what: str
    ) -> None:
        def silent(call: Call, real: Answer) -> Answer:
            return answer if {"lifecycle", "versioning", "encryption"} & set(call.query) else real

        async with behind(own, altering(silent)) as settings:
            found = await examine(settings, name)
        assert (found.verdict, what in said(found)) == (verdict, True), said(found)
