"""What can go wrong for a client.

    ClientError
    ├── BadUrl            what was given is not the address of a service
    ├── BadToken          what was given cannot be a token
    ├── Unreachable       the service did not answer, however often it was asked
    ├── Unintelligible    what answered does not speak as the service does
    ├── Refused           the service said no: a problem document (RFC 9457)
    ├── StoreRefused      the store said no
    ├── StoreUnreachable  the store did not take the bytes, however often they were sent
    ├── FileChanged       a file is not what it was when its upload began
    ├── Unusable          a path does not lead to a file that can be sent
    ├── Unkept            what an upload must remember cannot be written down
    └── Busy              another process is doing the same

The message is for people: it says what to do, and holds no token and no signed URL.
"""

import re
from collections.abc import Mapping
from typing import Any

_INDEX = re.compile(r"files\.(\d+)")


class ClientError(Exception):
    """Base of them all; `code` is stable and machine-readable."""

    code = "client_error"


class BadUrl(ClientError):
    code = "bad_url"


class BadToken(ClientError):
    code = "bad_token"


class Unreachable(ClientError):
    code = "unreachable"


class Unintelligible(ClientError):
    code = "unintelligible_answer"


class Refused(ClientError):
    """`code`, `status` and `members` are those of the problem document."""

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(members["code"])
        self.members = members
        detail = str(members.get("detail") or members.get("title") or self.code)
        super().__init__(detail)

    @property
    def fields(self) -> tuple[str, ...]:
        """The dotted paths of the request's members that break a rule."""
        errors = self.members.get("errors")
        named = [error for error in errors if isinstance(error, dict)] if errors else []
        return tuple(str(error["field"]) for error in named if "field" in error)

    @property
    def index(self) -> int | None:
        """Which file of a batch it is about, counted from 0; None if not about one."""
        places = [str(self.members.get("at", "")), *self.fields]
        found = [match for place in places if (match := _INDEX.match(place))]
        return int(found[0].group(1)) if found else None

    @property
    def passes(self) -> bool:
        """Whether what was said of one item of many passes by itself."""
        return "retry_after" in self.members

    @property
    def is_of_checksum(self) -> bool:
        """Whether the store cannot verify the algorithm that was declared."""
        return any(field.rpartition(".")[2] == "checksum" for field in self.fields)

    @property
    def is_of_token(self) -> bool:
        """Whether every other call with the same token fares no better."""
        return self.status in (401, 403)


class StoreRefused(ClientError):
    """`s3_code` is the store's own, such as AccessDenied; its message may hold what was signed.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """

    code = "store_refused"

    def __init__(self, status: int, s3_code: str) -> None:
        self.status = status
        self.s3_code = s3_code
        super().__init__(f"the store refused the bytes: {s3_code or 'no reason given'} ({status})")

    @property
    def passes(self) -> bool:
        """Whether the same request may fare better later."""
        return self.status in (408, 429) or self.status >= 500 or self.s3_code == "RequestTimeout"

    @property
    def is_of_url(self) -> bool:
        """Whether another URL may fare better: one that ended is a 403, or a 400 if it was signed
        with temporary credentials."""
        return self.status == 403 or self.s3_code == "ExpiredToken"


class StoreUnreachable(ClientError):
    code = "store_unreachable"


class FileChanged(ClientError):
    code = "file_changed"


class Unusable(ClientError):
    code = "unusable_file"


class Unkept(ClientError):
    code = "state_unkept"


class Busy(ClientError):
    code = "busy"


def ends_everything(error: ClientError) -> bool:
    """Whether the next file would meet the same error."""
    if isinstance(error, Refused):
        return error.is_of_token
    return isinstance(error, Unreachable | Unintelligible | StoreUnreachable | Unkept)
