"""What the service is asked for a file."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from app.client.digest import declared
from app.client.errors import Unusable
from app.client.source import Source
from app.domain.filename import normalise_filename
from app.domain.upload_request import check_metadata

Wish = dict[str, Any]

_UNKNOWN = "application/octet-stream"
_ENCODED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for all files of a command. `type` None: by the file's name."""

    policy: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    type: str | None = None


def wish_for(source: Source, options: Options, crc32: int | None) -> Wish:
    """The body of POST /presigned-url; a file of a folder keeps its path as metadata `path`.

    Raises `Unusable` for a name that the service would refuse.
    """
    path = {"path": source.name} if source.folder else {}
    try:
        filename = normalise_filename(PurePosixPath(source.name).name)
        check_metadata({**options.metadata, **path})
    except ValueError as error:
        raise Unusable(f"its name cannot be kept: it {error}") from None
    return {
        "filename": filename,
        "type": options.type or guessed_type(filename),
        "file_size": source.size,
        "method": "auto",
        "metadata": {**options.metadata, **path},
        **({"policy": options.policy} if options.policy else {}),
        **({} if crc32 is None else {"checksum": declared(crc32)}),
    }


def guessed_type(filename: str) -> str:
    """The media type that the name suggests; of a compressed file, that of the compression."""
    guessed, encoding = mimetypes.guess_type(filename)
    if encoding:
        return _ENCODED.get(encoding, _UNKNOWN)
    return guessed or _UNKNOWN
