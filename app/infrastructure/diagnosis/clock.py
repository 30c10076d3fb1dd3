"""Whether this machine's clock and the store's agree."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from app.domain.diagnosis import Finding, judge_skew, note, skipped
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.diagnosis.store import StoreAccess
from app.infrastructure.storage.failures import FAILURES


async def examine_clock(access: StoreAccess) -> list[Finding]:
    """Asks for nothing signed: a store refuses all of it when the clock is wrong."""
    try:
        url = access.client.meta.endpoint_url
    except FAILURES:
        return [skipped("There is no address to ask: see the credentials.")]
    before = access.clock()
    try:
        answer = await access.web.send("GET", f"{url}/")
    except StorageUnavailable:
        return [note("There is no answer to read the store's time from: see the bucket.")]
    now = before + (access.clock() - before) / 2
    date = _date(answer.headers.get("date", ""))
    if date is None:
        return [note("The store's answers say no time (no Date header).")]
    # The header counts whole seconds, cut off.
    return [judge_skew(now - date - timedelta(milliseconds=500))]


def _date(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None
