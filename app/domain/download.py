"""How a stored file is handed to a browser."""

from enum import StrEnum

from app.domain.filename import content_disposition
from app.domain.media_type import INLINE_TYPES


class Disposition(StrEnum):
    ATTACHMENT = "attachment"
    INLINE = "inline"


def served_disposition(wanted: Disposition, type: str, filename: str) -> str:
    """The Content-Disposition to sign: `inline` only for types that cannot run scripts."""
    inline = wanted is Disposition.INLINE and type in INLINE_TYPES
    kind = Disposition.INLINE if inline else Disposition.ATTACHMENT
    return content_disposition(kind, filename)
