"""What the URL and the record say besides, whatever the store said."""

from collections.abc import Iterator
from urllib.parse import unquote

from app.domain.explain.evidence import Evidence, StoreError
from app.domain.explain.presigned_url import PresignedUrl
from app.domain.explain.times import moment, span
from app.domain.file import DOWNLOADABLE, FileRecord, FileStatus
from app.domain.object_key import file_id_of


def notes(evidence: Evidence) -> Iterator[str]:
    url, record = evidence.url, evidence.record
    if url is not None:
        yield from _of_url(evidence, url)
    if record is not None:
        yield from _of_record(evidence, record)
    elif (file_id := file_id_of(unquote(url.path) if url else _key(evidence))) is not None:
        yield f"It is about the file {file_id}: with --file {file_id} its record is compared too."


def _key(evidence: Evidence) -> str:
    fields = evidence.answer.fields if isinstance(evidence.answer, StoreError) else {}
    return fields.get("Key") or fields.get("Resource") or ""


def _of_url(evidence: Evidence, url: PresignedUrl) -> Iterator[str]:
    ended = url.expires_at
    if ended is not None and ended <= evidence.now:
        yield f"The URL ended {span(evidence.now - ended)} ago, at {moment(ended)}."
    if url.signed_at is not None and url.signed_at > evidence.now:
        yield (
            f"The URL says that it was signed at {moment(url.signed_at)}, which is still to come "
            "by the clock here."
        )


def _of_record(evidence: Evidence, record: FileRecord) -> Iterator[str]:
    if evidence.url is not None and not evidence.url.names(record.key):
        yield f"The URL does not lead to this file, whose key is {record.key}."
    elif _key(evidence) and not f"/{_key(evidence)}".endswith(f"/{record.key}"):
        yield f"The store speaks of {_key(evidence)}, but the key of this file is {record.key}."
    yield _status(evidence, record)


def _status(evidence: Evidence, record: FileRecord) -> str:
    if record.deleted_at is not None:
        return f"The file was deleted at {moment(record.deleted_at)}."
    if record.status in DOWNLOADABLE:
        return f"The file is {record.status}: its bytes are in the store, and were verified."
    if record.status is FileStatus.FAILED:
        return f"The file has failed ({record.status_reason or 'no reason was given'})."
    if record.ends_at <= evidence.now:
        return f"The upload ended at {moment(record.ends_at)}: no URL is given for it any more."
    return (
        f"The file is pending: {'up to ' if record.size_is_limit else ''}{record.file_size:,} "
        f"bytes of {record.type} by {record.method} are "
        f"awaited until {moment(record.ends_at)}."
    )
