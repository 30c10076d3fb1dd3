"""Bodies that are not as long as agreed."""

from app.domain.explain.evidence import Evidence, StoreError
from app.domain.explain.explanation import Cause, Difference, Explanation

_DECLARE = (
    "Declare the size that the file really has (in a browser `file.size`), right before the "
    "upload: an editor or a camera may still have been writing it."
)


def explain_size(evidence: Evidence, error: StoreError) -> Explanation:
    """EntityTooLarge and EntityTooSmall; the latter also of a part at the completion."""
    if error.code == "EntityTooSmall" and "PartNumber" in error.fields:
        return _part(error)
    large = error.code == "EntityTooLarge"
    allowed = error.fields.get("MaxSizeAllowed" if large else "MinSizeAllowed")
    if evidence.record is not None:
        allowed = str(evidence.record.file_size)
    sent = error.fields.get("ProposedSize")
    known = (Difference("size in bytes", allowed, sent),) if allowed or sent else ()
    return Explanation(
        code=error.code,
        cause=Cause.TOO_LARGE if large else Cause.TOO_SMALL,
        what=f"The body is {'larger' if large else 'smaller'} than was declared, or than the store "
        "takes at once (5 GiB).",
        remedy=f"{_DECLARE} Above 5 GiB ask with `method: multipart`.",
        differences=known,
    )


def _part(error: StoreError) -> Explanation:
    number = error.fields["PartNumber"]
    return Explanation(
        code=error.code,
        cause=Cause.PART_TOO_SMALL,
        what=f"Part {number} is smaller than 5 MiB, which only the last part may be.",
        remedy="Send each part in the size that the service's answer names for it.",
        differences=(
            Difference(
                f"size of part {number} in bytes",
                error.fields.get("MinSizeAllowed"),
                error.fields.get("ProposedSize"),
            ),
        ),
    )
