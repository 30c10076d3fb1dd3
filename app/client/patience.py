"""How long to wait before something is tried again."""

import random
from collections.abc import Iterator

ATTEMPTS = 9
"""About a minute in all."""
LONGEST_PAUSE = 20.0
"""Seconds."""


def pauses() -> Iterator[float]:
    """Seconds before each attempt: full jitter, so that threads do not knock in step.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    yield 0.0
    for attempt in range(ATTEMPTS - 1):
        yield random.uniform(0, min(LONGEST_PAUSE, 0.25 * 2**attempt))  # noqa: S311
