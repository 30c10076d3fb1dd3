"""Declared against observed: is the stored object the one that was promised?"""

from app.domain.file import FileRecord
from app.domain.ports import ObservedObject


def discrepancies(record: FileRecord, observed: ObservedObject) -> list[str]:
    """Every way in which the object differs from its record, in words; empty when it is the one.

    A checksum is compared when the store reports it. A store that does not has still checked it
    on arrival, because the checksum header was signed. An object verified before must not have
    been replaced since, which its ETag shows.
    """
    found = []
    if record.size_is_limit and observed.size > record.file_size:
        found.append(f"size is {observed.size} bytes, at most {record.file_size} are allowed")
    if not record.size_is_limit and observed.size != record.file_size:
        found.append(f"size is {observed.size} bytes, declared {record.file_size}")
    if observed.type.lower() != record.type:
        found.append(f"type is {observed.type}, declared {record.type}")
    if record.checksum is not None:
        stored = observed.checksums.get(record.checksum.algorithm)
        if stored is not None and stored != record.checksum.value:
            found.append(
                f"{record.checksum.algorithm} is {stored}, declared {record.checksum.value}"
            )
    if record.etag is not None and observed.etag != record.etag:
        found.append("the object was replaced after it had been verified")
    return found
