"""What pages complain about."""

import re

from playwright.async_api import BrowserContext, ConsoleMessage, WebError


class Console:
    """The errors in the consoles of a context's pages, and what they threw."""

    def __init__(self, context: BrowserContext) -> None:
        self._seen: list[str] = []
        self._allowed: list[str] = []
        context.on("console", self._heard)
        context.on("weberror", self._thrown)

    def allow(self, pattern: str) -> None:
        """Expect errors that the regular expression finds something in."""
        self._allowed.append(pattern)

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self._seen if not any(re.search(p, line) for p in self._allowed)]

    def check(self) -> None:
        assert not self.unexpected, self.unexpected

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._seen.append(f"{message.text} ({message.location.get('url', '')})")

    def _thrown(self, error: WebError) -> None:
        self._seen.append(str(error.error))
