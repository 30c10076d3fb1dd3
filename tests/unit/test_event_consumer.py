"""How long a message waits, and how it is counted."""

import subprocess
import sys
from pathlib import Path

from app.worker.events import FIRST_DELAY, LONGEST_DELAY, MAX_RECEIVES, delay
from tests.support.processes import DEADLINE

ENDS_IN_A_POLL = """
import asyncio, threading
from app.infrastructure.events.sqs import _in_daemon

async def main():
    receiving = asyncio.ensure_future(_in_daemon(threading.Event().wait))
    await asyncio.sleep(0)
    receiving.cancel()

asyncio.run(main())
"""


def test_no_process_waits_for_a_long_poll_to_end() -> None:
    command = [sys.executable, "-c", ENDS_IN_A_POLL]
    subprocess.run(command, cwd=Path(__file__).parents[2], timeout=DEADLINE, check=True)


def test_each_failure_doubles_the_delay_up_to_the_longest() -> None:
    delays = [delay(receives) for receives in range(1, 12)]
    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays[-1] == delay(10_000) == LONGEST_DELAY


def test_a_message_has_a_day_before_it_is_parked() -> None:
    assert 20 * 3600 < sum(map(delay, range(1, MAX_RECEIVES))) < 36 * 3600
