"""Media types as clients declare them: `type/subtype`, no parameters."""

import re
from collections.abc import Iterable

# restricted-name of RFC 6838 section 4.2: at most 127 characters, a letter or digit first.
_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}")
_PATTERN = re.compile(rf"\*/\*|{_NAME}/\*|{_NAME}/{_NAME}")

_DOCUMENT_TYPES = frozenset(
    {
        "application/pdf",
        "application/msword",
        "application/rtf",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/epub+zip",
    }
)
_DOCUMENT_PREFIXES = (
    "text/",
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
)

INLINE_TYPES = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/wav",
        "video/mp4",
        "video/webm",
        "video/ogg",
        "application/pdf",
        "text/plain",
    }
)
"""Types a browser may show in place. HTML, SVG and XML can run scripts: never listed here."""


def normalise_type(value: str) -> str:
    """`value` in lower case (RFC 6838: case-insensitive); `ValueError` if not a media type."""
    lowered = value.lower()
    if not _MEDIA_TYPE.fullmatch(lowered):
        raise ValueError("must be a media type such as image/png, without parameters")
    return lowered


def is_pattern(value: str) -> bool:
    """Whether `value` can stand in a policy's list: `image/png`, `image/*` or `*/*`."""
    return _PATTERN.fullmatch(value) is not None


def matches(media_type: str, patterns: Iterable[str]) -> bool:
    """Whether a normalised media type is covered by one of the patterns."""
    family = media_type.partition("/")[0] + "/*"
    return any(p in ("*/*", family, media_type) for p in patterns)


def category(media_type: str) -> str:
    """The folder of the `category` key strategy: image, video, audio, document or other."""
    family = media_type.partition("/")[0]
    if family in ("image", "video", "audio"):
        return family
    if media_type in _DOCUMENT_TYPES or media_type.startswith(_DOCUMENT_PREFIXES):
        return "document"
    return "other"
