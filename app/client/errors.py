"""What can go wrong for a client.

    ClientError
    ├── BadUrl            what was given is not the address of a service
    ├── BadToken          what was given cannot be a token
    ├── Unreachable       the service did not answer, however often it was asked
    ├── Unintelligible    what answered does not speak as the service does
    └── Refused           the service said no: a problem document (RFC 9457)

The message is for people: it says what to do, and holds no token and no signed URL.
"""

from collections.abc import Mapping
from typing import Any


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
        return tuple(str(error["field"]) for error in self.members.get("errors", ()))

    @property
    def is_of_token(self) -> bool:
        """Whether every other call with the same token fares no better."""
        return self.status in (401, 403)
