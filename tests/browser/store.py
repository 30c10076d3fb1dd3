"""The embedded store as pages see it: through a cable with a fixed port, which URLs name."""

import asyncio
import json
from pathlib import Path

from tests.browser.site import Site
from tests.e2e.running import Service
from tests.support.cable import Cable
from tests.support.service import JWT_SECRET

POLICIES = Path(__file__).parent / "policies.toml"


class StoreCable(Cable):
    """A cable that also loses answers: what was asked is done, and nobody hears of it."""

    def __init__(self) -> None:
        super().__init__(self._dial_store)
        self._far_port = 0
        self._is_up = True
        self.answers_to_lose = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lead_to(self, port: int) -> None:
        self._far_port = port

    async def cut(self) -> None:
        self._is_up = False
        await super().cut()

    async def mend(self) -> None:
        self._is_up = True
        await super().mend()

    async def restore(self) -> None:
        """As it was before the test."""
        self.answers_to_lose = 0
        self.thaw()
        if not self._is_up:
            await self.mend()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            far_reader, far_writer = await self._dial()
            self._ends.add(far_writer)
            await asyncio.gather(
                self._pump(reader, far_writer), self._pump_answers(far_reader, writer)
            )
            self._ends.discard(far_writer)
        finally:
            self._ends.discard(writer)

    async def _pump_answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await self._pump(_LosingReader(self, source), sink)  # type: ignore[arg-type]

    async def _dial_store(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._far_port)


class _LosingReader:
    """Ends before a success that shall get lost."""

    def __init__(self, cable: StoreCable, reader: asyncio.StreamReader) -> None:
        self._cable = cable
        self._reader = reader

    async def read(self, size: int) -> bytes:
        data = await self._reader.read(size)
        # A preflight's answer is a 200 as well, with CORS's own methods; see the Fetch standard.
        if self._cable.answers_to_lose and _is_stored(data):
            self._cable.answers_to_lose -= 1
            return b""
        return data


def _is_stored(answer: bytes) -> bool:
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
