"""Upload policies: what may be uploaded, how long a URL lives, and where the object goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain import filename as filenames
from app.domain import media_type
from app.domain.parts import MIB
from app.exceptions.errors import FieldError, FileTooLarge, InvalidRequest, TypeNotAllowed

MAX_EXPIRES_IN = 7 * 24 * 3600
"""SigV4's own limit on a presigned URL, in seconds.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""

MULTIPART_LIFE = timedelta(days=28)
"""The longest that a multipart upload may take: the bucket's lifecycle rule, which counts from the
beginning alone, aborts what is older."""

DEFAULT_POLICY = "default"


class KeyStrategy(StrEnum):
    """How an object's key is laid out; the file's id is always its last part."""

    DATE = "date"
    OWNER = "owner"
    CATEGORY = "category"
    FLAT = "flat"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPolicy:
    """A named set of rules. Sizes in bytes, times in seconds; an empty tuple allows everything."""

    name: str = DEFAULT_POLICY
    types: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    max_size: int | None = None
    expires_in: int = 900
    max_expires_in: int = 900
    pending_grace: int = 300
    """How long after its last URL a pending PUT or POST still counts as alive."""
    multipart_threshold: int = 100 * MIB
    """From this size up `method: auto` means multipart."""
    part_size: int = 16 * MIB
    """Bytes of a part, more where a file would need too many parts of that size."""
    multipart_grace: int = 7 * 24 * 3600
    """How long after its last sign of life a multipart upload still counts as alive."""
    key_strategy: KeyStrategy = KeyStrategy.DATE
    prefix: str = ""
    auto_complete: bool = False

    @property
    def grace(self) -> timedelta:
        return timedelta(seconds=self.pending_grace)

    def multipart_ends(self, begun: datetime, expires_at: datetime, now: datetime) -> datetime:
        """When a multipart upload ends that shows a sign of life `now`.

        Not before its newest URL does, and in no case later than MULTIPART_LIFE after it begun.
        """
        alive = max(now + timedelta(seconds=self.multipart_grace), expires_at + self.grace)
        return min(alive, begun + MULTIPART_LIFE)

    def check_type(self, type: str, filename: str) -> None:
        """Raise `TypeNotAllowed` unless the type and the name's extension are both allowed."""
        if self.types and not media_type.matches(type, self.types):
            raise TypeNotAllowed(
                f"The policy {self.name!r} allows {', '.join(self.types)}, not {type}."
            )
        if self.extensions and filenames.extension(filename) not in self.extensions:
            names = ", ".join(f".{e}" for e in self.extensions)
            raise TypeNotAllowed(f"The policy {self.name!r} allows names that end in {names}.")

    def check_size(self, size: int) -> None:
        """Raise `FileTooLarge` above the policy's maximum."""
        if self.max_size is not None and size > self.max_size:
            raise FileTooLarge(
                f"The policy {self.name!r} allows files of up to {self.max_size} bytes; "
                f"this one has {size}.",
                max_size=self.max_size,
            )

    def lifetime(self, asked: int | None) -> int:
        """Seconds that a URL shall live; `InvalidRequest` when more is asked for than allowed."""
        if asked is None:
            return self.expires_in
        if asked > self.max_expires_in:
            message = f"must be at most {self.max_expires_in} under the policy {self.name!r}"
            raise InvalidRequest(f"expires_in {message}.", [FieldError("expires_in", message)])
        return asked


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies by name. Without a `default` among them every request must name one."""

    by_name: Mapping[str, UploadPolicy] = field(
        default_factory=lambda: {DEFAULT_POLICY: UploadPolicy()}
    )

    def get(self, name: str | None) -> UploadPolicy:
        """The named policy, `default` for None; `InvalidRequest` when there is no such policy."""
        policy = self.by_name.get(DEFAULT_POLICY if name is None else name)
        if policy is None:
            message = f"must be one of {', '.join(sorted(self.by_name))}"
            raise InvalidRequest(
                f"There is no upload policy of that name; policy {message}.",
                [FieldError("policy", message)],
            )
        return policy

    def lifetime(self, name: str, asked: int | None) -> int:
        """Seconds that a URL for a file under `name` shall live, the usual ones if that is gone."""
        return self.by_name.get(name, UploadPolicy()).lifetime(asked)

    def auto_completes(self, name: str) -> bool:
        """Whether a verified upload completes by itself; a policy since removed says no."""
        policy = self.by_name.get(name)
        return policy is not None and policy.auto_complete

    def multipart_ends(
        self, name: str, begun: datetime, expires_at: datetime, now: datetime
    ) -> datetime:
        """As `UploadPolicy.multipart_ends`; by the usual rules if the policy is gone."""
        return self.by_name.get(name, UploadPolicy()).multipart_ends(begun, expires_at, now)
