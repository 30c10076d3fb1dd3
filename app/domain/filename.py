"""File names: metadata and a download name, never a path."""

import re
import unicodedata
from urllib.parse import quote

MAX_LENGTH = 255
MAX_DECOMPOSED = 4 * MAX_LENGTH
"""No character decomposes canonically into more than four (Unicode UAX 15, NFC and NFD)."""

_EXTENSION = re.compile(r"[a-z0-9]{1,16}")
# token characters of RFC 9110 section 5.6.2, less those with a meaning in RFC 8187.
_ATTR_SAFE = "!#$&+-.^_`|~"


def normalise_filename(value: str) -> str:
    """`value` in NFC; `ValueError` saying which rule it breaks.

    Refused: emptiness, more than 255 characters, control characters (category Cc), lone
    surrogates (they have no UTF-8 form), path separators, `.` and `..`.
    """
    # Normalising takes time quadratic in the number of combining marks, so the length comes first.
    name = unicodedata.normalize("NFC", value) if len(value) <= MAX_DECOMPOSED else ""
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ValueError(f"must have 1 to {MAX_LENGTH} characters after NFC normalisation")
    if "/" in name or "\\" in name:
        raise ValueError("must not hold a path separator (/ or \\): send the bare name")
    if name in (".", ".."):
        raise ValueError("must not be . or ..")
    if has_control_characters(name):
        raise ValueError("must not hold control characters")
    return name


def has_control_characters(text: str) -> bool:
    """Whether `text` holds control characters (category Cc) or lone surrogates (Cs)."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def extension(filename: str) -> str:
    """The last extension in lower case without its dot; `""` if there is none in plain ASCII."""
    stem, dot, last = filename.rpartition(".")
    candidate = last.lower()
    return candidate if dot and stem and _EXTENSION.fullmatch(candidate) else ""


def content_disposition(kind: str, filename: str) -> str:
    """The header of RFC 6266: `kind` is `attachment` or `inline`.

    The quoted fallback is ASCII with every character that could end it replaced; the exact
    name goes percent-encoded in `filename*` (RFC 8187), which browsers prefer.
    """
    decomposed = unicodedata.normalize("NFKD", filename)
    kept = [_fallback(c) for c in decomposed if not unicodedata.combining(c)]
    fallback = "".join(kept[:MAX_LENGTH])  # one character can decompose into eighteen
    exact = quote(filename, safe=_ATTR_SAFE)
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{exact}"


def _fallback(character: str) -> str:
    printable = " " <= character <= "~"
    return character if printable and character not in '"\\%' else "_"
