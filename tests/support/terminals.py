"""What a program wrote to its terminal."""

import os


def read_all(descriptor: int) -> str:
    """All that comes until the last of those who write to the terminal is gone; closes it."""
    text = b""
    try:
        while chunk := os.read(descriptor, 65536):
            text += chunk
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(descriptor)
    return text.decode()


def read_until(descriptor: int, words: str) -> str:
    """All that comes up to these words. Raises OSError if the other end is closed before."""
    text = b""
    while words.encode() not in text:
        text += os.read(descriptor, 65536)
    return text.decode()
