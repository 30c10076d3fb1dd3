"""Asking a SeaweedFS whether it can do its work; an open port says nothing."""

import http.client
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from app.infrastructure.embedded.seaweedfs import S3Server

REQUEST_TIMEOUT = 2.0


def answers(server: "S3Server") -> bool:
    """Whether the store lists its buckets to a signed request."""
    url = f"{server.endpoint_url}/"
    request = AWSRequest("GET", url)
    credentials = Credentials(server.access_key, server.secret_key)
    S3SigV4Auth(credentials, "s3", server.region).add_auth(request)
    return _get(url, dict(request.headers.items())) is not None


def knows_its_volumes(master_url: str) -> bool:
    """Whether a volume server has reported to the master; objects can be read only then."""
    status = _get(f"{master_url}/dir/status", {})
    return status is not None and json.loads(status)["Topology"]["Max"] > 0


def _get(url: str, headers: Mapping[str, str]) -> bytes | None:
    """The body of a 200, None otherwise. Never through a proxy: it is our own machine."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=REQUEST_TIMEOUT)
    try:
        connection.request("GET", parts.path, headers=headers)
        response = connection.getresponse()
        return response.read() if response.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
