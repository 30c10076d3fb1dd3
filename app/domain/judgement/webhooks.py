"""Whether those who want to be told of files can be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.domain.diagnosis import Finding, Remedy, note, ok, warning
from app.domain.judgement.wording import said

NAMED = 10
"""Webhooks that a finding names, at most."""

FAILING_LONG = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """A webhook that was disabled because it failed, or fails; `since` when. Not its address,
    which may hold a secret."""

    id: UUID
    disabled: bool
    reason: str
    since: timedelta


def judge_webhooks(total: int, troubled: Sequence[Troubled]) -> list[Finding]:
    disabled = [webhook for webhook in troubled if webhook.disabled]
    failing = [w for w in troubled if not w.disabled and w.since >= FAILING_LONG]
    found = [_disabled(disabled)] if disabled else []
    found += [_failing(failing)] if failing else []
    return found or [ok(f"{total} registered, none of them in trouble." if total else "None.")]


def _disabled(webhooks: Sequence[Troubled]) -> Finding:
    return warning(
        f"Disabled because they fail: {_named(webhooks)}.",
        why="They are told nothing, and what waited for them has failed.",
        remedy=Remedy(
            text="Have their owners mend the endpoint, enable it, and replay what was missed "
            "(docs/webhooks.md).",
            command='curl -X PATCH -H "Authorization: Bearer $TOKEN" -H \'Content-Type: '
            f'application/json\' -d \'{{"enabled": true}}\' "$API/webhooks/{webhooks[0].id}"',
        ),
    )


def _failing(webhooks: Sequence[Troubled]) -> Finding:
    return note(
        f"Failing: {_named(webhooks)}.",
        "Deliveries are tried again for three days; then the webhook is disabled.",
        Remedy(text="Tell their owners: GET /webhooks/{id}/deliveries shows what was answered."),
    )


def _named(webhooks: Sequence[Troubled]) -> str:
    named = [f"{w.id} for {said(w.since)} ({w.reason})" for w in webhooks[:NAMED]]
    more = len(webhooks) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")
