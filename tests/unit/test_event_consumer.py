"""How long a message waits, and how it is counted."""

from app.worker.events import FIRST_DELAY, LONGEST_DELAY, MAX_RECEIVES, delay


def test_each_failure_doubles_the_delay_up_to_the_longest() -> None:
    delays = [delay(receives) for receives in range(1, 12)]
    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays[-1] == delay(10_000) == LONGEST_DELAY


def test_a_message_has_a_day_before_it_is_parked() -> None:
    assert 20 * 3600 < sum(map(delay, range(1, MAX_RECEIVES))) < 36 * 3600
