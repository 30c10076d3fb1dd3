"""What a person at the terminal is told when an embedded engine cannot run."""


class EngineError(Exception):
    """The message is one line that says what failed and what to do about it."""
