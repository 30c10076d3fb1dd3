"""The doctor's checks of what the service calls besides store and database.

The queue is one that verifies signatures and policies, Redis a real one, the identity provider a
stub.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.domain.diagnosis import Examination, Finding, Verdict
from app.infrastructure import rate_limit
from app.settings import Settings
from tests.support.aws import ROOT, Bucket
from tests.support.certificates import Certificates
from tests.support.examined import bare_settings, examined, problem
from tests.support.processes import free_port
from tests.support.redis_server import RedisServer, require_redis
from tests.support.stub_server import StubServer, Told, one_after_the_other, stub_server
from tests.support.tokens import SECRET, ec_key, member, rsa_key


def with_what(examination: Examination, text: str) -> Finding:
    [finding] = [f for f in examination.findings if text in f.what]
    return finding


@pytest_asyncio.fixture
async def bucket(new_bucket: Callable[..., Bucket]) -> Bucket:
    return await asyncio.to_thread(new_bucket)


class TestQueue:
    async def test_not_in_use(self) -> None:
        assert (await examined(bare_settings(), "queue")).verdict is Verdict.OK

    async def test_it_answers(self, bucket: Bucket) -> None:
        examination = await examined(bucket.settings, "queue")
        assert "0 waiting" in examination.findings[0].what
        assert examination.verdict is Verdict.NOTE
        assert with_what(examination, "no dead-letter queue").verdict is Verdict.NOTE
        assert bucket.told() == 0

    async def test_there_is_none(self, bucket: Bucket) -> None:
        gone = as_root(bucket, s3_events_queue_url=f"{bucket.queue_url}-not")
        assert "NonExistentQueue" in problem(await examined(gone, "queue")).what

    async def test_nothing_answers_there(self, bucket: Bucket) -> None:
        url = f"http://127.0.0.1:{free_port()}/000000000000/queue"
        finding = problem(await examined(changed(bucket, s3_events_queue_url=url), "queue"))
        assert "EndpointConnectionError" in finding.what

    async def test_the_secret_key_is_another(self, bucket: Bucket) -> None:
        settings = changed(bucket, s3_secret_key=SecretStr("not-the-right-one"))
        finding = problem(await examined(settings, "queue"))
        assert "SignatureDoesNotMatch" in finding.what
        assert "not-the-right-one" not in repr(finding)

    async def test_a_right_is_missing(self, bucket: Bucket) -> None:
        for missing in RIGHTS:
            deny(bucket, missing)
            finding = problem(await examined(bucket.settings, "queue"))
            assert finding.what == f"The credentials lack {missing} on it."
            assert finding.remedy
            assert finding.remedy.document
            assert finding.remedy.document["Statement"][0]["Action"] == [missing]

    async def test_what_waits_is_not_taken(self, bucket: Bucket) -> None:
        bucket.tell("one")
        examination = await examined(bucket.settings, "queue")
        assert "1 waiting, 0 being" in examination.findings[0].what
        [message] = bucket.aws.root("sqs").receive_message(
            QueueUrl=bucket.queue_url, MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )["Messages"]
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"

    async def test_many_wait(self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(3):
            bucket.tell(str(number))
        assert (await examined(bucket.settings, "queue")).verdict is Verdict.NOTE
        monkeypatch.setattr("app.domain.judgement.queue.MANY", 3)
        assert problem(await examined(bucket.settings, "queue")).what == "3 messages wait."

    async def test_its_policy_keeps_the_bucket_out(self, bucket: Bucket) -> None:
        for statement in KEEPING_OUT:
            set_policy(bucket, statement)
            finding = problem(await examined(bucket.settings, "queue"))
            assert "does not let S3 send" in finding.what, statement
        assert finding.remedy
        assert finding.remedy.document
        set_policy(bucket, finding.remedy.document["Statement"][0])
        assert (await examined(bucket.settings, "queue")).verdict is Verdict.NOTE

    async def test_its_policy_says_it_in_other_words(self, bucket: Bucket) -> None:
        set_policy(
            bucket,
            {
                "Principal": "*",
                "Action": ["SQS:*"],
                "Condition": {"ArnLike": {"AWS:SourceArn": ["arn:aws:s3:*:*:b*"]}},
            },
        )
        assert (await examined(bucket.settings, "queue")).verdict is Verdict.NOTE

    async def test_a_queue_of_another_kind(self, new_bucket: Callable[..., Bucket]) -> None:
        bucket = await asyncio.to_thread(new_bucket)
        fifo = bucket.aws.root("sqs").create_queue(
            QueueName=f"{bucket.name}.fifo", Attributes={"FifoQueue": "true"}
        )["QueueUrl"]
        examination = await examined(as_root(bucket, s3_events_queue_url=fifo), "queue")
        assert with_what(examination, "FIFO").verdict is Verdict.FAILURE

    async def test_dead_letters(self, bucket: Bucket) -> None:
        sqs = bucket.aws.root("sqs")
        dead = sqs.create_queue(QueueName=f"{bucket.name}-dead")["QueueUrl"]
        redrive(bucket, receives=20)
        examination = await examined(bucket.settings, "queue")
        assert with_what(examination, "cannot be counted").verdict is Verdict.NOTE
        settings = as_root(bucket)
        assert (await examined(settings, "queue")).verdict is Verdict.OK
        sqs.send_message(QueueUrl=dead, MessageBody="never")
        assert "1 message in its dead" in problem(await examined(settings, "queue")).what

    async def test_messages_are_given_up_soon(self, bucket: Bucket) -> None:
        bucket.aws.root("sqs").create_queue(QueueName=f"{bucket.name}-dead")
        redrive(bucket, receives=19)
        assert "after 19 receives" in problem(await examined(as_root(bucket), "queue")).what


KEEPING_OUT: tuple[dict[str, Any], ...] = (
    {},
    {"Principal": {"Service": "sns.amazonaws.com"}},
    {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
    {"Action": ["sqs:ReceiveMessage"]},
    {"Effect": "Deny"},
    {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}}},
)

RIGHTS = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
)


def changed(bucket: Bucket, **changes: Any) -> Settings:
    return bucket.settings.model_copy(update=changes)


def as_root(bucket: Bucket, **changes: Any) -> Settings:
    """With keys that may do everything, and are not verified."""
    keys = {"s3_access_key": SecretStr(ROOT[0]), "s3_secret_key": SecretStr(ROOT[1])}
    return changed(bucket, **keys, **changes)


def deny(bucket: Bucket, action: str) -> None:
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    bucket.aws.root("iam").put_user_policy(
        UserName=bucket.name,
        PolicyName="denied",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def set_policy(bucket: Bucket, changes: dict[str, Any]) -> None:
    """A policy of one statement that lets S3 send, save for these changes; none for `{}`."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    } | changes
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement}) if changes else ""
    bucket.aws.root("sqs").set_queue_attributes(
        QueueUrl=bucket.queue_url, Attributes={"Policy": policy}
    )


def redrive(bucket: Bucket, receives: int) -> None:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{bucket.name}-dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(receives)})
    bucket.aws.root("sqs").set_queue_attributes(
        QueueUrl=bucket.queue_url, Attributes={"RedrivePolicy": policy}
    )


class TestNotifications:
    async def test_not_in_use(self, bucket: Bucket) -> None:
        examination = await examined(changed(bucket, s3_events_queue_url=None), "notifications")
        assert examination.verdict is Verdict.OK
        assert "Not in use" in examination.findings[0].what

    async def test_the_bucket_tells_the_queue(self, bucket: Bucket) -> None:
        settings = as_root(bucket)
        assert (await examined(settings, "notifications")).verdict is Verdict.OK
        notify(bucket)
        finding = problem(await examined(settings, "notifications"))
        assert finding.what == "The bucket tells nobody of new objects."
        assert finding.remedy
        assert finding.remedy.document
        notify(bucket, **finding.remedy.document)
        assert (await examined(settings, "notifications")).verdict is Verdict.OK

    async def test_of_some_keys_alone(self, bucket: Bucket) -> None:
        cases: list[tuple[dict[str, str], Verdict]] = [
            ({"prefix": "uploads/"}, Verdict.OK),
            ({"Prefix": "upl"}, Verdict.OK),
            ({"prefix": "upload/"}, Verdict.FAILURE),
            ({"prefix": "uploads/2026/"}, Verdict.FAILURE),
            ({"suffix": ".png"}, Verdict.FAILURE),
        ]
        for rules, verdict in cases:
            listed = [{"Name": name, "Value": value} for name, value in rules.items()]
            some = {"Key": {"FilterRules": listed}}
            notify(bucket, QueueConfigurations=[wish(bucket, Filter=some)])
            assert (await examined(as_root(bucket), "notifications")).verdict is verdict, rules

    async def test_of_other_events_alone(self, bucket: Bucket) -> None:
        notify(bucket, QueueConfigurations=[wish(bucket, Events=["s3:ObjectRemoved:*"])])
        assert (await examined(as_root(bucket), "notifications")).verdict is Verdict.NOTE

    async def test_by_event_bridge(self, bucket: Bucket) -> None:
        notify(bucket, EventBridgeConfiguration={})
        assert (await examined(as_root(bucket), "notifications")).verdict is Verdict.NOTE

    async def test_by_a_topic(self, bucket: Bucket) -> None:
        arn = bucket.aws.root("sns").create_topic(Name=bucket.name)["TopicArn"]
        settings = as_root(bucket, s3_events_queue_url=None, storage_events_topics=(arn,))
        assert (await examined(settings, "notifications")).verdict is Verdict.NOTE
        notify(bucket)
        assert problem(await examined(settings, "notifications"))
        notify(bucket, TopicConfigurations=[{"TopicArn": arn, "Events": ["s3:ObjectCreated:Put"]}])
        assert (await examined(settings, "notifications")).verdict is Verdict.OK

    async def test_without_the_right_to_read_them(self, bucket: Bucket) -> None:
        examination = await examined(bucket.settings, "notifications")
        assert examination.verdict is Verdict.NOTE
        assert "s3:GetBucketNotification" in examination.findings[0].what


def notify(bucket: Bucket, **configuration: Any) -> None:
    bucket.aws.root("s3").put_bucket_notification_configuration(
        Bucket=bucket.name, NotificationConfiguration=configuration
    )


def wish(bucket: Bucket, **changes: Any) -> dict[str, Any]:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{bucket.name}"
    return {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], **changes}


KEYS = Told(content={"keys": [member(rsa_key(), "RS256", kid="one"), {"kty": "odd"}]})


class TestIdentityProvider:
    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.infrastructure.diagnosis.identity_provider.TIMEOUT", 60.0)

    @contextlib.contextmanager
    def publishing(self, *told: Told | None) -> Iterator[StubServer]:
        with stub_server(one_after_the_other(*told)) as server:
            yield server

    async def look(self, server: StubServer, **given: Any) -> Examination:
        settings = bare_settings(jwt_jwks_url=f"{server.url}/keys?token=secret", **given)
        examination = await examined(settings, "identity-provider")
        assert "secret" not in repr(examination)
        return examination

    async def test_not_in_use(self) -> None:
        settings = bare_settings(jwt_secret=SECRET)
        assert (await examined(settings, "identity-provider")).verdict is Verdict.OK

    async def test_it_publishes_a_usable_key(self) -> None:
        with self.publishing(KEYS) as server:
            examination = await self.look(server)
        assert examination.verdict is Verdict.OK
        assert examination.findings[0].what == "1 of 2 published keys can verify tokens."

    async def test_nothing_listens(self) -> None:
        settings = bare_settings(jwt_jwks_url=f"http://127.0.0.1:{free_port()}/keys")
        assert "Nothing listens" in problem(await examined(settings, "identity-provider")).what

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            (Told(404), "status 404"),
            (Told(302, headers={"Location": "/elsewhere"}), "status 302"),
            (None, "breaks off"),
            (Told(content=b"<html>"), "no JWK Set"),
            (Told(content={"issuer": "https://example.com"}), "no JWK Set"),
            (Told(content=b" " * 300_000), "more than"),
            (Told(content={"keys": []}), "(none at all)"),
            (Told(content={"keys": [{"kty": "oct", "k": "AA"}]}), "(oct)"),
        ],
    )
    async def test_it_publishes_nothing_of_use(self, told: Told | None, said: str) -> None:
        with self.publishing(told) as server:
            finding = problem(await self.look(server))
        assert said in finding.what
        assert finding.verdict is Verdict.FAILURE

    async def test_keys_of_another_algorithm(self) -> None:
        with self.publishing(KEYS) as server:
            finding = problem(await self.look(server, jwt_algorithms=("ES256",)))
            assert "RSA RS256 sig" in finding.what
            assert "ES256" in finding.what
        curve = Told(content={"keys": [member(ec_key(), "ES256")]})
        with self.publishing(curve) as server:
            assert (await self.look(server, jwt_algorithms=("ES256",))).verdict is Verdict.OK

    async def test_a_certificate_that_nobody_trusts(self, tmp_path: Path) -> None:
        tls = Certificates(tmp_path, "idp.example", "127.0.0.1").server
        with stub_server(one_after_the_other(KEYS), tls) as server:
            assert "not trusted" in problem(await self.look(server)).what


class TestRateLimits:
    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Redis that is there answers in the end, however busy the machine."""
        for name in ("socket_timeout", "socket_connect_timeout"):
            monkeypatch.setitem(rate_limit._REDIS_OPTIONS, name, 60.0)

    @pytest.fixture
    def redis(self) -> Iterator[RedisServer]:
        require_redis()
        server = RedisServer()
        server.start()
        yield server
        server.kill()

    async def look(self, url: str | None) -> Examination:
        settings = bare_settings(jwt_secret=SECRET, rate_limit_storage_url=url)
        return await examined(settings, "rate-limits")

    async def test_not_in_use(self) -> None:
        assert (await self.look(None)).verdict is Verdict.OK

    async def test_redis_counts_and_goes(self, redis: RedisServer) -> None:
        examination = await self.look(redis.url)
        assert examination.verdict is Verdict.OK
        assert examination.findings[0].what.startswith("Redis counts")
        redis.kill()
        assert "Nothing answers as Redis" in problem(await self.look(redis.url)).what

    async def test_redis_wants_another_password(self, redis: RedisServer) -> None:
        tell(redis, "CONFIG SET requirepass right")
        assert (await self.look(redis.url.replace("//", "//:right@"))).verdict is Verdict.OK
        finding = problem(await self.look(redis.url.replace("//", "//:wrong@")))
        assert "password" in finding.what
        assert "wrong" not in repr(finding)

    async def test_redis_does_not_let_this_user_count(self, redis: RedisServer) -> None:
        url = redis.url.replace("//", "//limiter:pass@")
        tell(redis, "ACL SETUSER limiter on >pass ~other* +@all")
        assert "does not let this user count" in problem(await self.look(url)).what
        tell(
            redis,
            "ACL SETUSER limiter reset on >pass ~*slipway:rate* +@scripting +@read +@write"
            " +@connection",
        )
        assert (await self.look(url)).verdict is Verdict.OK

    async def test_redis_is_a_replica(self, redis: RedisServer) -> None:
        tell(redis, f"REPLICAOF 127.0.0.1 {free_port()}")
        assert "replica" in problem(await self.look(redis.url)).what

    async def test_redis_hangs(self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("socket_timeout", "socket_connect_timeout"):
            monkeypatch.setitem(rate_limit._REDIS_OPTIONS, name, 0.2)
        redis.freeze()
        try:
            assert "does not answer" in problem(await self.look(redis.url)).what
        finally:
            redis.thaw()


def tell(redis: RedisServer, command: str) -> None:
    """A command of an administrator."""
    import redis as library

    with library.Redis(port=redis.port) as client:
        assert client.execute_command(command)
