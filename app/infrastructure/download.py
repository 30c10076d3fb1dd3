"""Fetching a small document over HTTP, in bounded time and space, from exactly one place."""

import time

import urllib3


def download(pool: urllib3.PoolManager, url: str, *, timeout: float, max_bytes: int) -> bytes:
    """The body of a 200 answer of at most `max_bytes` within `timeout` seconds. Blocks.

    The deadline is checked between reads, or a server that drips bytes would hold the thread:
    it never runs into the socket's own timeout. Redirects could lead anywhere and are refused.
    """
    deadline = time.monotonic() + timeout
    response = pool.request(
        "GET", url, timeout=timeout / 2, retries=False, redirect=False, preload_content=False
    )
    body = bytearray()
    try:
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        while chunk := response.read1(max_bytes):
            body += chunk
            if len(body) > max_bytes:
                raise ValueError(f"more than {max_bytes} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not complete after {timeout:g} s")
        return bytes(body)
    finally:
        response.close()
