"""A file's record, its states and the legal moves between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

from app.domain.checksum import Checksum, ChecksumType
from app.domain.client_parts import ClientParts
from app.domain.parts import PartPlan
from app.domain.principal import Principal, Scope
from app.exceptions.errors import IllegalTransition, InvalidRequest


class FileStatus(StrEnum):
    PENDING = "pending"
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class UploadMethod(StrEnum):
    """How the bytes travel; `auto` in a request is resolved before a record exists."""

    PUT = "PUT"
    POST = "POST"
    MULTIPART = "multipart"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """What the service knows of one file. Times are UTC; sizes are bytes.

    `file_size`, `type` and `checksum` are what the client declared; `observed_size`, `etag`
    and `version_id` are what the store said at verification. With `size_is_limit` the client
    declared no size, and `file_size` is the most it may be until it is verified. `expires_at` is
    when the last of its URLs ends, `ends_at` the end of the pending record itself. A multipart
    upload without `part_size` is cut by the client; `upload_id` is the store's name for it, None
    until the store has begun it. `remove_at` is when the store must be looked at again for bytes
    of a file that failed or was deleted; None when there can be none.
    """

    id: UUID
    owner: str
    key: str
    filename: str
    type: str
    file_size: int
    method: UploadMethod
    policy: str
    status: FileStatus
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    ends_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksum: Checksum | None = None
    checksum_type: ChecksumType | None = None
    size_is_limit: bool = False
    part_size: int | None = None
    upload_id: str | None = None
    status_reason: str | None = None
    etag: str | None = None
    version_id: str | None = None
    observed_size: int | None = None
    uploaded_at: datetime | None = None
    processing_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    deleted_at: datetime | None = None
    remove_at: datetime | None = None

    @property
    def is_pending(self) -> bool:
        """Whether bytes may still make a file of it: a deleted record keeps its last status."""
        return self.status is FileStatus.PENDING and self.deleted_at is None

    @property
    def plan(self) -> PartPlan | ClientParts:
        """The parts of a multipart upload; `InvalidRequest` for another method."""
        if self.method is not UploadMethod.MULTIPART:
            raise InvalidRequest(
                f"This file is uploaded by {self.method}, not in parts: ask for a new upload with "
                "method: multipart."
            )
        if self.part_size is None:
            return ClientParts(self.file_size, self.size_is_limit)
        return PartPlan(self.file_size, self.part_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEvent:
    """One line of the audit trail; `from_status` and `to_status` are None where no state moved.

    `id` grows along the trail; it is the repository's to give.
    """

    at: datetime
    actor: str
    event: str
    from_status: FileStatus | None = None
    to_status: FileStatus | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = field(default=None, compare=False)


class Move(Enum):
    """What a requested change of status needs."""

    NOTHING = "nothing"
    """The file is there already: answer with the record, write nothing."""
    RECORD = "record"
    """Write the move."""
    VERIFY = "verify"
    """Ask the store first; the move is legal only if the object is the declared one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which scopes may make a move (any one suffices), and whether the store is asked first."""

    scopes: tuple[Scope, ...]
    verified: bool = False


_OWNER = (Scope.WRITE,)
_PROCESSOR = (Scope.PROCESS,)

LEGAL_MOVES: Mapping[tuple[FileStatus, FileStatus], Rule] = {
    (FileStatus.PENDING, FileStatus.UPLOADED): Rule(_OWNER, verified=True),
    (FileStatus.PENDING, FileStatus.COMPLETED): Rule(_OWNER, verified=True),
    (FileStatus.PENDING, FileStatus.FAILED): Rule(_OWNER),
    (FileStatus.UPLOADED, FileStatus.PROCESSING): Rule(_PROCESSOR),
    (FileStatus.UPLOADED, FileStatus.COMPLETED): Rule(_OWNER, verified=True),
    (FileStatus.UPLOADED, FileStatus.FAILED): Rule(_OWNER),
    (FileStatus.PROCESSING, FileStatus.COMPLETED): Rule(_PROCESSOR, verified=True),
    (FileStatus.PROCESSING, FileStatus.FAILED): Rule(_PROCESSOR),
}

DOWNLOADABLE = frozenset({FileStatus.UPLOADED, FileStatus.PROCESSING, FileStatus.COMPLETED})
"""States in which the object is known to be in the store."""


def plan_move(current: FileStatus, target: FileStatus, principal: Principal) -> Move:
    """What it takes to move from `current` to `target`.

    Raises `IllegalTransition` when there is no such move and `Forbidden` when there is one
    but the principal lacks its scope.
    """
    if current is target:
        return Move.NOTHING
    rule = LEGAL_MOVES.get((current, target))
    if rule is None:
        raise illegal(current, target)
    principal.require_any(rule.scopes)
    return Move.VERIFY if rule.verified else Move.RECORD


def illegal(current: FileStatus, target: FileStatus) -> IllegalTransition:
    """The error for a move that does not exist, with both ends as members."""
    return IllegalTransition(
        f"A file that is {current} cannot become {target}.", **{"from": current, "to": target}
    )
