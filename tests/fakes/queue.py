"""A queue with one message."""

import asyncio
from collections.abc import Mapping, Sequence

from app.infrastructure.events.sqs import QueuedMessage


class OneMessageQueue:
    """Hands it out to the first who asks; `deleted` is set when it is gone for good."""

    def __init__(self, body: str) -> None:
        self._messages = [QueuedMessage(id="1", receipt="r", body=body, receives=1)]
        self.deleted = asyncio.Event()

    async def receive(self) -> list[QueuedMessage]:
        messages, self._messages = self._messages, []
        if not messages:
            await asyncio.Event().wait()
        return messages

    async def delete(self, messages: Sequence[QueuedMessage]) -> None:
        if messages:
            self.deleted.set()

    async def hide(self, messages: Mapping[QueuedMessage, int]) -> None:
        """Nobody else asks."""

    async def has_dead_letters(self) -> bool:
        return False
