"""Whether a database has the schema of this release."""

from collections.abc import Sequence

from app.domain.diagnosis import Finding, Remedy, failure, note, ok

MIGRATE = "python -m app migrate"


def judge_migrations(applied: str | None, known: Sequence[str]) -> list[Finding]:
    """Of the revision applied last, None before the first; `known` are those of this release, in
    the order of their application."""
    if applied is not None and applied not in known:
        return [_newer(applied)]
    missing = known[known.index(applied) + 1 :] if applied is not None else known
    if not missing:
        return [ok(f"Current: {applied}.")]
    return [_missing(missing)]


def _missing(missing: Sequence[str]) -> Finding:
    count = "1 migration is" if len(missing) == 1 else f"{len(missing)} migrations are"
    through = "" if len(missing) == 1 else f" to {missing[-1]}"
    return failure(
        f"{count} missing: {missing[0]}{through}.",
        why="The service answers 503 not_ready, and what needs the new schema fails.",
        remedy=Remedy(
            text="Apply them; the release that runs goes on working meanwhile.", command=MIGRATE
        ),
        fixable=True,
    )


def _newer(applied: str) -> Finding:
    return note(
        f"The database is at {applied}, which this release does not know.",
        "A newer release has migrated it. Its migrations keep the release before it working, "
        "and no older one.",
        Remedy(text="Nothing, if you have gone back by one release; else bring the newer one."),
    )
