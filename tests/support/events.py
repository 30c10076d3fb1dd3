"""Bucket events as stores send them, and messages of SNS with a signature of our own."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-west-1:123456789012:uploads"
CERT_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c3d.pem"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"


def s3_record(key: str, bucket: str = "slipway", name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """One record as AWS sends it, its key encoded."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-11-21T12:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "slipway",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": 5,
                "eTag": "5d41402abc4b2a76b9719d911017c592",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }


def s3_body(*keys: str, **options: str) -> dict[str, Any]:
    return {"Records": [s3_record(key, **options) for key in keys]}


def minio_body(key: str, bucket: str = "slipway") -> dict[str, Any]:
    """What MinIO posts to a webhook: S3's records, and twice what they are about."""
    name = "s3:ObjectCreated:Put"
    record = s3_record(key, bucket, name) | {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "source": {"host": "203.0.113.7", "port": "", "userAgent": "Mozilla/5.0"},
    }
    return {"EventName": name, "Key": f"{bucket}/{key}", "Records": [record]}


def ceph_body(key: str, bucket: str = "slipway") -> dict[str, Any]:
    """What Ceph's RADOS Gateway posts: the key as it is, and members of its own."""
    record = s3_record(key, bucket) | {
        "eventVersion": "2.2",
        "eventSource": "ceph:s3",
        "eventId": "1795273785.323805.5d41402a",
        "opaqueData": "",
    }
    record["s3"]["object"] |= {"key": key, "metadata": [], "tags": []}
    record["s3"]["bucket"]["id"] = "d9e4fd3a-7d7e.4163.1"
    return {"Records": [record]}


def event_bridge_body(key: str, bucket: str = "slipway", kind: str = "Created") -> dict[str, Any]:
    """An event as EventBridge hands it on, its key as it is."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": f"Object {kind}",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-21T12:00:00Z",
        "region": "eu-west-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 5, "etag": "5d41402abc4b2a76b9719d911017c592"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "reason": "PutObject",
        },
    }


def seaweedfs_body(key: str, bucket: str = "slipway", kind: str = "create") -> dict[str, Any]:
    """What the filer of SeaweedFS 4 posts to a webhook."""
    return {
        "event_type": kind,
        "key": f"/buckets/{bucket}/{key}",
        "message": {
            "new_entry": {"name": key.rpartition("/")[2], "attributes": {"file_size": 5}},
            "delete_chunks": True,
            "new_parent_path": f"/buckets/{bucket}/{key.rpartition('/')[0]}",
            "signatures": [-150461960],
        },
    }


def sns_envelope(document: object, **changes: Any) -> dict[str, Any]:
    """An SNS notification without a signature, as it arrives in a queue too."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(document),
        "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        **changes,
    }


class Amazon:
    """Signs as SNS does, and answers for its addresses; `visited` are those that were asked."""

    def __init__(self, life: timedelta = timedelta(days=1)) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self.visited: list[str] = []
        self.down = False
        self.certificate = self._certify(life)

    def fetch(self, url: str) -> bytes:
        self.visited.append(url)
        if self.down:
            raise OSError("no route to host")
        return self.certificate if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"

    def sign(self, message: dict[str, Any], version: str = "2") -> dict[str, Any]:
        """The message with its signature."""
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token"]
        signed = "".join(
            f"{name}\n{message[name]}\n" for name in [*names, "TopicArn", "Type"] if name in message
        )
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), algorithm)
        return {
            "SigningCertURL": CERT_URL,
            **message,
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
        }

    def confirmation(self, **changes: Any) -> dict[str, Any]:
        """A signed request to confirm a subscription."""
        message = sns_envelope({}, Type="SubscriptionConfirmation", SubscribeURL=SUBSCRIBE_URL)
        del message["Subject"]
        return self.sign(message | {"Token": "2336", **changes})

    def _certify(self, life: timedelta) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + life)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
