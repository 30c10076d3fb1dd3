"""What a file is called on this machine whose name somebody else chose."""

import re
from pathlib import PurePosixPath

from app.domain.filename import has_control_characters

MAX_BYTES = 255
"""Of a name, on nearly every file system (NAME_MAX, POSIX limits.h)."""
_MOST_OF_A_SUFFIX = 32

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def local_name(filename: str, otherwise: str) -> str:
    """`filename` as a plain, visible name of one file in one folder; `otherwise` if none is left.

    Separators and control characters become `_`; dots and spaces at either end go; names of
    devices get a `_` before them; what is too long loses the end of its stem.
    """
    plain = "".join("_" if _is_unsafe(character) else character for character in filename)
    bare = plain.strip(". ")
    return _cut(f"_{bare}" if _RESERVED.match(bare) else bare) or otherwise


def _is_unsafe(character: str) -> bool:
    return character in "/\\" or has_control_characters(character)


def _cut(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    suffix = PurePosixPath(name).suffix.encode()
    if len(suffix) > _MOST_OF_A_SUFFIX:
        suffix = b""
    stem = name.encode()[: MAX_BYTES - len(suffix)]
    return (stem.decode(errors="ignore").encode() + suffix).decode()
