"""The embedded store as pages see it: through a cable with a fixed port, which URLs name."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.browser.site import Site
from tests.e2e.running import Service
from tests.support.cable import Cable
from tests.support.processes import DEADLINE, eventually
from tests.support.service import JWT_SECRET

POLICIES = Path(__file__).parent / "policies.toml"


class StoreCable:
    """A cable that also loses answers: what was asked is done, and nobody hears of it.

    It lives in a thread of its own, so that a test may also wait for the store without awaiting.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._cable = _Cable()
        self._is_up = False
        self.mend()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._cable.port}"

    def lead_to(self, port: int) -> None:
        self._cable.far_port = port

    @property
    def answers_to_lose(self) -> int:
        """How many successes the next ones are whose answers get lost."""
        return self._cable.answers_to_lose

    @answers_to_lose.setter
    def answers_to_lose(self, number: int) -> None:
        self._cable.answers_to_lose = number

    def freeze_after(self, successes: int) -> None:
        """Freeze by itself when the store has stored so many more; the last goes unheard."""
        self._cable.successes_to_freeze = successes

    async def frozen(self) -> None:
        """Wait until it has frozen by itself."""
        stopped = partial(eventually, lambda: self._cable.is_frozen, "the cable has frozen")
        await asyncio.to_thread(stopped)

    def cut(self) -> None:
        """Break every connection; new ones are refused."""
        self._run(self._cable.cut())
        self._is_up = False

    def mend(self) -> None:
        """Listen again on the same port."""
        self._run(self._cable.mend())
        self._is_up = True

    def freeze(self) -> None:
        """Keep every connection, but pass nothing on, as a dead network."""
        self._loop.call_soon_threadsafe(self._cable.freeze)

    def thaw(self) -> None:
        """Pass on what was held back, and all that follows."""
        self._loop.call_soon_threadsafe(self._cable.thaw)

    def restore(self) -> None:
        """As it was before the test."""
        self.answers_to_lose = 0
        self.freeze_after(0)
        self.thaw()
        if not self._is_up:
            self.mend()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)


@contextmanager
def store_cable() -> Iterator[StoreCable]:
    """A cable that leads nowhere yet."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    cable = StoreCable(loop)
    try:
        yield cable
    finally:
        cable.cut()
        asyncio.run_coroutine_threadsafe(_ended(), loop).result(DEADLINE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended() -> None:
    """Let the pumps of broken connections see it."""
    pumps = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*pumps, return_exceptions=True)


class _Cable(Cable):
    def __init__(self) -> None:
        super().__init__(self._dial_store)
        self.far_port = 0
        self.answers_to_lose = 0
        self.successes_to_freeze = 0

    @property
    def is_frozen(self) -> bool:
        return not self._flowing.is_set()

    def stored(self) -> None:
        """The store said so, and nobody has heard it yet."""
        if self.successes_to_freeze:
            self.successes_to_freeze -= 1
            if not self.successes_to_freeze:
                self.freeze()

    async def _dial_store(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        return _LosingReader(self, reader), writer  # type: ignore[return-value]


class _LosingReader:
    """What comes from the store; ends before a success that shall get lost."""

    def __init__(self, cable: _Cable, reader: asyncio.StreamReader) -> None:
        self._cable = cable
        self._reader = reader

    async def read(self, size: int) -> bytes:
        data = await self._reader.read(size)
        if not _is_stored(data):
            return data
        self._cable.stored()
        if self._cable.answers_to_lose:
            self._cable.answers_to_lose -= 1
            return b""
        return data


def _is_stored(answer: bytes) -> bool:
    """Of a PUT: the answer to its preflight has no ETag."""
    return answer.startswith(b"HTTP/1.1 200") and b"\r\netag:" in answer.lower()


def store_port(service: Service) -> int:
    """Where the service's own SeaweedFS listens for S3."""
    (found,) = service.data_dir.rglob("ports.json")
    return int(json.loads(found.read_text())["s3.port"])


def settings_for(site: Site, cable: StoreCable) -> dict[str, str]:
    """Of a service for pages of `site`, whose store is reached through `cable`."""
    return {
        "CORS_ORIGINS": site.url,
        "JWT_SECRET": JWT_SECRET,
        "RATE_LIMIT": "1000000/minute",
        "S3_PUBLIC_ENDPOINT_URL": cable.url,
        "UPLOAD_POLICIES_FILE": str(POLICIES),
    }
