"""Upload policies from a TOML file, for example:

    [policies.avatar]
    types = ["image/png", "image/jpeg"]
    extensions = ["png", "jpg", "jpeg"]
    max_size = "5 MiB"
    expires_in = 300
    key_strategy = "owner"
    prefix = "avatars"
    auto_complete = true

    [quota]
    bytes = "10 GiB"
    files = 10000
    in_flight_bytes = "5 GiB"

Requests that name no policy are under `default`; a file without one makes them name one.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from app.domain.media_type import is_pattern
from app.domain.parts import MAX_PART_SIZE, MIB, MIN_PART_SIZE
from app.domain.policy import DEFAULT_POLICY, MAX_EXPIRES_IN, KeyStrategy, Policies, UploadPolicy
from app.domain.usage import UNLIMITED, Limits

_MOST = 2**63 - 1
"""PostgreSQL's bigint."""

_UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_SIZE = re.compile(r"\s*(\d+)\s*([KMGT]iB|B|)\s*")


class PolicyFileError(ValueError):
    """The file cannot be read or breaks a rule; the message names the place and the rule."""


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError('must be a number of bytes or a text such as "5 MiB"')
    return int(match[1]) * _UNITS[match[2]]


_Bytes = Annotated[int, BeforeValidator(_bytes)]


def _pattern(value: str) -> str:
    lowered = value.lower()
    if not is_pattern(lowered):
        raise ValueError("must be a media type or a pattern such as image/*")
    return lowered


class _PolicyEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    types: list[Annotated[str, AfterValidator(_pattern)]] = []
    extensions: list[Annotated[str, Field(pattern=r"^\.?[A-Za-z0-9]{1,16}$")]] = []
    max_size: Annotated[_Bytes, Field(ge=0)] | None = None
    expires_in: int | None = Field(None, ge=1, le=MAX_EXPIRES_IN)
    max_expires_in: int | None = Field(None, ge=1, le=MAX_EXPIRES_IN)
    pending_grace: int = Field(300, ge=0, le=MAX_EXPIRES_IN)
    multipart_threshold: _Bytes = Field(100 * MIB, ge=0)
    part_size: _Bytes = Field(16 * MIB, ge=MIN_PART_SIZE, le=MAX_PART_SIZE, multiple_of=MIB)
    multipart_grace: int = Field(MAX_EXPIRES_IN, ge=0, le=MAX_EXPIRES_IN)
    key_strategy: KeyStrategy = KeyStrategy.DATE
    prefix: str = Field("", pattern=r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$")
    auto_complete: bool = False

    @model_validator(mode="after")
    def _lifetimes_agree(self) -> Self:
        if self.expires_in and self.max_expires_in and self.expires_in > self.max_expires_in:
            raise ValueError("expires_in must be at most max_expires_in")
        return self

    def to_domain(self, name: str, default_expires_in: int) -> UploadPolicy:
        expires_in = self.expires_in or min(
            default_expires_in, self.max_expires_in or MAX_EXPIRES_IN
        )
        return UploadPolicy(
            name=name,
            types=tuple(self.types),
            extensions=tuple(e.lstrip(".").lower() for e in self.extensions),
            max_size=self.max_size,
            expires_in=expires_in,
            max_expires_in=self.max_expires_in or expires_in,
            pending_grace=self.pending_grace,
            multipart_threshold=self.multipart_threshold,
            part_size=self.part_size,
            multipart_grace=self.multipart_grace,
            key_strategy=self.key_strategy,
            prefix=self.prefix,
            auto_complete=self.auto_complete,
        )


_Limit = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=_MOST)] | None


class _QuotaEntry(BaseModel):
    """For each owner; what is left out is unlimited."""

    model_config = ConfigDict(extra="forbid")

    bytes: _Limit = None
    files: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    in_flight_bytes: _Limit = None


class _PolicyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    policies: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], _PolicyEntry] = {}
    quota: _QuotaEntry = _QuotaEntry()


def load_policies(path: Path | None, default_expires_in: int) -> Policies:
    """The policies of the file, or the unrestricted `default` alone when `path` is None.

    `default_expires_in` (seconds) is the lifetime, and the longest one, of a policy that sets
    none. Raises `PolicyFileError`.
    """
    entries = {DEFAULT_POLICY: _PolicyEntry()} if path is None else _read(path).policies
    return Policies({n: e.to_domain(n, default_expires_in) for n, e in entries.items()})


def load_limits(path: Path | None) -> Limits:
    """The limits of owners without their own. Raises `PolicyFileError`."""
    if path is None:
        return UNLIMITED
    return Limits(**dict(_read(path).quota))


def _read(path: Path) -> _PolicyFile:
    try:
        return _PolicyFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise PolicyFileError(f"UPLOAD_POLICIES_FILE {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyFileError(f"UPLOAD_POLICIES_FILE {path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PolicyFileError(f"UPLOAD_POLICIES_FILE {path}: {place}: {first['msg']}") from error
