"""The fast signer signs only after it has matched boto3 on a probe of each kind."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import structlog

from app.infrastructure.storage.boto_signer import Boto3Signer
from app.infrastructure.storage.credentials import SigningCredentials
from app.infrastructure.storage.signer import PostForm, SignedHead, Signer
from app.infrastructure.storage.sigv4 import SigV4Signer

log = structlog.get_logger()

Signed = str | list[str] | PostForm | SignedHead

Probe = Callable[[Signer, datetime], Signed]

_KEY = "probe/a b~c+d=e&f?g#h%20i'j(k)*l!/\u00fc\u65e5\U0001f600.tar.gz"
_TYPE = "application/vnd.oasis.opendocument.text+xml"
_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_TRIES = 3
"""A probe on which boto3's clock passes a second between two readings says nothing."""


def _probe_put(signer: Signer, now: datetime) -> str:
    headers = {
        "content-length": "0",
        "content-type": _TYPE,
        "if-none-match": "*",
        "x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    }
    return signer.presign("PUT", _KEY, headers=headers, expires_in=604800, now=now)


def _probe_get(signer: Signer, now: datetime) -> str:
    query = {
        "response-content-type": _TYPE,
        "response-content-disposition": "attachment; filename=\"a b\"; filename*=UTF-8''%C3%BC",
    }
    return signer.presign("GET", _KEY, query=query, expires_in=1, now=now)


def _probe_head(signer: Signer, now: datetime) -> SignedHead:
    return signer.sign_head(_KEY, now=now)


def _probe_part(signer: Signer, now: datetime) -> str:
    query = {"partNumber": "10000", "uploadId": "a/b+c=d.e_f-g~h"}
    return signer.presign("PUT", _KEY, query=query, expires_in=900, now=now)


def _probe_parts(signer: Signer, now: datetime) -> list[str]:
    return signer.presign_parts(_KEY, "a/b+c=d.e_f-g~h", [10000, 1], expires_in=900, now=now)


def _probe_post(signer: Signer, now: datetime) -> PostForm:
    fields = {"Content-Type": _TYPE, "success_action_status": "201"}
    sizes = (0, 5 * 1024**3)
    return signer.presign_post(_KEY, fields=fields, sizes=sizes, expires_in=900, now=now)


PROBES: Mapping[str, Probe] = {
    "put": _probe_put,
    "get": _probe_get,
    "head": _probe_head,
    "part": _probe_part,
    "parts": _probe_parts,
    "post": _probe_post,
}


def choose_signer(authority: Boto3Signer, credentials: SigningCredentials, bucket: str) -> Signer:
    """The fast signer if it agrees with boto3 on every probe, else boto3, with a warning."""
    try:
        fast = fast_signer(authority, credentials, bucket)
    except (LookupError, ValueError):
        differing = list(PROBES)
    else:
        differing = [kind for kind in PROBES if not agrees(PROBES[kind], fast, authority)]
        if not differing:
            return fast
    log.warning("the fast signer differs from boto3, which signs instead", kinds=differing)
    return authority


def fast_signer(
    authority: Boto3Signer, credentials: SigningCredentials, bucket: str
) -> SigV4Signer:
    """A signer for the addresses and the region that boto3 signs for.

    Raises `LookupError` or `ValueError` when boto3's URL is not a SigV4 one for that key.
    """
    url = authority.presign("GET", "k", expires_in=1, now=_ANY_TIME)
    credential = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0]
    address = url.partition("?")[0]
    if not address.endswith("/k"):
        raise ValueError("the key is not the last part of the address")
    form = authority.presign_post("k", fields={}, sizes=(0, 0), expires_in=1, now=_ANY_TIME)
    return SigV4Signer(
        credentials,
        region=credential.split("/")[-3],
        bucket=bucket,
        base_url=address.removesuffix("k"),
        post_url=form.url,
    )


def agrees(probe: Probe, signer: Signer, authority: Boto3Signer) -> bool:
    """Whether the signer, at the time that boto3 read off its clock, signs what boto3 signed."""
    for _ in range(_TRIES):
        expected = probe(authority, _ANY_TIME)
        if probe(signer, signed_at(expected)) == expected:
            return True
    return False


def signed_at(signed: Signed) -> datetime:
    """The X-Amz-Date within what was signed, of several URLs the first one's."""
    if isinstance(signed, PostForm):
        date = signed.fields["x-amz-date"]
    elif isinstance(signed, SignedHead):
        date = signed.headers["x-amz-date"]
    else:
        url = signed if isinstance(signed, str) else signed[0]
        date = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
    return datetime.strptime(date, "%Y%m%dT%H%M%S%z")
