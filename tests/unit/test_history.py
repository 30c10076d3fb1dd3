"""The periods of uploads over time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import uuid_utils.compat

from app.domain.history import Interval, Period, periods
from tests.support.records import id_made_at

NOW = datetime(2026, 11, 21, 3, 59, 59, 999_999, tzinfo=UTC)


def test_hours_end_with_the_one_under_way() -> None:
    found = periods(Interval.HOUR, 5, NOW)
    assert [period.start.hour for period in found] == [23, 0, 1, 2, 3]
    assert found[0].start == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert [period.end for period in found[:-1]] == [period.start for period in found[1:]]
    assert found[-1].start <= NOW < found[-1].end


def test_days_are_those_of_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    [day] = periods(Interval.DAY, 1, datetime(2026, 11, 21, 8, tzinfo=tokyo))
    assert day == Period(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize("interval", Interval)
def test_a_full_hour_begins_the_next(interval: Interval) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    [period] = periods(interval, 1, midnight)
    assert (period.start, period.end) == (midnight, midnight + interval.length)


def test_ids_of_a_period_are_those_made_in_it() -> None:
    [now] = periods(Interval.DAY, 1, datetime.now(UTC))
    first, after = now.ids
    made = uuid_utils.compat.uuid7()
    assert first < made < after
    millisecond = timedelta(milliseconds=1)
    assert id_made_at(now.start - millisecond) < first < id_made_at(now.start)
