"""What is known of a request that failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.explain.presigned_url import PresignedUrl
from app.domain.file import FileRecord


@dataclass(frozen=True, slots=True)
class StoreError:
    """S3's error document: `fields` holds its elements by name, Code and Message among them.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses
    """

    code: str
    message: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ProxyPage:
    """A page of HTML: not the store spoke, but something before it."""

    title: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The browser let the page see no answer at all, for the sake of CORS or of the network."""

    said: str


@dataclass(frozen=True, slots=True)
class ServiceProblem:
    """The service itself refused (RFC 9457), not the store."""

    code: str
    detail: str


Answer = StoreError | ProxyPage | NoAnswer | ServiceProblem


@dataclass(frozen=True, slots=True)
class SentRequest:
    """The request as somebody saw it; None where nobody did. Header names in lower case.

    `complete`: what is not among `headers` and was signed was not sent.
    """

    method: str | None = None
    path: str | None = None
    query: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it but `now` may be missing. `signed` is the URL that the service would have signed
    for the record at the moment of `url`, with the credentials that it has today; None also when
    nobody can say, as after a change of credentials."""

    now: datetime
    answer: Answer | None = None
    url: PresignedUrl | None = None
    sent: SentRequest | None = None
    record: FileRecord | None = None
    signed: PresignedUrl | None = None
