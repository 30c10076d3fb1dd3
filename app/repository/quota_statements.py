# ruff: noqa: S608 -- what is put into the texts is column names, parameters and numbers of ours
"""SQL for quotas. Whoever writes a file changes its owner's row in the same transaction.

That row is the lock on an owner's quota. Transactions that lock several rows do so in the order of
their owners, and after the files they change.
"""

from collections.abc import Sequence

from app.domain.usage import Amount, Limits, Usage

COUNTERS = ("used_files", "used_bytes", "reserved_files", "reserved_bytes")
LIMITS = ("max_bytes", "max_files", "max_in_flight_bytes")


def counters(usage: Usage) -> tuple[int, ...]:
    """The values of COUNTERS."""
    used, reserved = usage.used, usage.reserved
    return (used.files, used.bytes, reserved.files, reserved.bytes)


def to_usage(values: Sequence[int]) -> Usage:
    """From the values of COUNTERS."""
    used_files, used_bytes, reserved_files, reserved_bytes = values
    return Usage(Amount(used_files, used_bytes), Amount(reserved_files, reserved_bytes))


def limits(values: Limits) -> tuple[int | None, ...]:
    """The values of LIMITS."""
    return (values.bytes, values.files, values.in_flight_bytes)


def reserving(default: Limits, *, owner: str, files: str, bytes: str) -> str:
    """The statement that reserves, and returns a row if that exceeds no limit.

    The arguments are SQL expressions. The first file of an owner without limits of their own
    meets the default alone; after that their row says which limits count.
    """
    totals = _totals("held", files, bytes)
    own = " AND ".join(
        f"(held.{name} IS NULL OR {total} <= held.{name})"
        for name, total in zip(LIMITS, totals, strict=True)
    )
    first = _within(default, (bytes, files, bytes))
    return f"""
    INSERT INTO usages AS held (owner, reserved_files, reserved_bytes)
    SELECT {owner}, {files}, {bytes}
    WHERE {first} OR EXISTS (SELECT FROM usages WHERE owner = {owner})
    ON CONFLICT (owner) DO UPDATE
        SET reserved_files = held.reserved_files + excluded.reserved_files,
            reserved_bytes = held.reserved_bytes + excluded.reserved_bytes
        WHERE CASE WHEN held.overridden THEN {own} ELSE {_within(default, totals)} END
    RETURNING true
    """


def _totals(row: str, files: str, bytes: str) -> tuple[str, str, str]:
    """What each of LIMITS bounds, once `files` and `bytes` are reserved."""
    return (
        f"{row}.used_bytes + {row}.reserved_bytes + {bytes}",
        f"{row}.used_files + {row}.reserved_files + {files}",
        f"{row}.reserved_bytes + {bytes}",
    )


def _within(default: Limits, totals: Sequence[str]) -> str:
    pairs = zip(totals, limits(default), strict=True)
    bounds = [f"{total} <= {most:d}" for total, most in pairs if most is not None]
    return f"({' AND '.join(bounds) or 'true'})"


def reserve(default: Limits) -> str:
    """True when it was reserved: owner, files, bytes."""
    return reserving(default, owner="$1::text", files="$2::bigint", bytes="$3::bigint")


def settling(source: str, owner: str, first: int) -> str:
    """The query that adds COUNTERS from parameter `first` on, if `source` has a row."""
    numbers = range(first, first + len(COUNTERS))
    added = ", ".join(f"{n} = {n} + ${number}" for n, number in zip(COUNTERS, numbers, strict=True))
    moved = " OR ".join(f"${number}::bigint <> 0" for number in numbers)
    return f"""
    UPDATE usages SET {added}
    WHERE owner = {owner} AND ({moved}) AND EXISTS (SELECT FROM {source})
    """


STANDING = f"SELECT {', '.join((*COUNTERS, 'overridden', *LIMITS))} FROM usages WHERE owner = $1"

STANDINGS = f"""
SELECT owner, {", ".join((*COUNTERS, "overridden", *LIMITS))} FROM usages
WHERE owner > $1 ORDER BY owner LIMIT $2
"""
"""Whoever ever had a file has a row."""

OVERRIDE = f"""
INSERT INTO usages (owner, overridden, {", ".join(LIMITS)}) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (owner) DO UPDATE SET (overridden, {", ".join(LIMITS)})
    = ROW(excluded.overridden, {", ".join(f"excluded.{name}" for name in LIMITS)})
"""
"""Owner, whether the limits are theirs alone, LIMITS."""

SUMS = ", ".join(
    f"{function}::bigint AS {name}"
    for name, function in (
        ("used_files", "count(*) FILTER (WHERE status <> 'pending')"),
        ("used_bytes", "coalesce(sum(file_size) FILTER (WHERE status <> 'pending'), 0)"),
        ("reserved_files", "count(*) FILTER (WHERE status = 'pending')"),
        ("reserved_bytes", "coalesce(sum(file_size) FILTER (WHERE status = 'pending'), 0)"),
    )
)
_ADDED = ", ".join(f"{name} = held.{name} + excluded.{name}" for name in COUNTERS)

RECOUNT_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('recount ' || $1::text, 0))"
"""Waits for another recount of this owner: both would add what was missing. In a statement of its
own, because a statement sees what was committed before it began."""

RECOUNT = f"""
WITH counted AS MATERIALIZED (
    SELECT {SUMS} FROM files WHERE owner = $1 AND deleted_at IS NULL AND status <> 'failed'
), correction AS MATERIALIZED (
    SELECT {", ".join(f"counted.{n} - coalesce(held.{n}, 0) AS {n}" for n in COUNTERS)}
    FROM counted LEFT JOIN usages AS held ON held.owner = $1
), corrected AS (
    INSERT INTO usages AS held (owner, {", ".join(COUNTERS)})
    SELECT $1, {", ".join(COUNTERS)} FROM correction
    WHERE {" OR ".join(f"{n} <> 0" for n in COUNTERS)}
    ON CONFLICT (owner) DO UPDATE SET {_ADDED}
)
SELECT {", ".join(COUNTERS)} FROM correction
"""
"""What was missing from an owner's row. One snapshot shows each change to a file with its change
to the row, or neither, so the difference stays right whatever is committed meanwhile."""

OWNERS = """
WITH RECURSIVE holder AS (
    (SELECT owner FROM files WHERE deleted_at IS NULL AND owner > $1 ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT (SELECT files.owner FROM files WHERE deleted_at IS NULL AND files.owner > holder.owner
            ORDER BY files.owner LIMIT 1)
    FROM holder WHERE holder.owner IS NOT NULL
)
(SELECT owner FROM holder WHERE owner IS NOT NULL LIMIT $2)
UNION
(SELECT owner FROM usages WHERE owner > $1 ORDER BY owner LIMIT $2)
ORDER BY owner LIMIT $2
"""
"""Those who have files or a row, in order after $1. The recursion steps from owner to owner."""
