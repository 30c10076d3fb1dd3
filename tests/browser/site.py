"""Pages on an origin that is not the service's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parent / "pages"


class Site:
    """Static files: those of PAGES, and of directories mounted below a first path segment."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.mounts: dict[str, Path] = {}

    def mount(self, segment: str, directory: Path) -> str:
        """Serve the directory; returns the URL that it is found under, without a slash."""
        self.mounts[segment] = directory
        return f"{self.url}/{segment}"

    def file(self, path: str) -> Path:
        first, _, rest = path.lstrip("/").partition("/")
        return self.mounts[first] / rest if first in self.mounts else PAGES / path.lstrip("/")


class _Handler(SimpleHTTPRequestHandler):
    site: Site
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript"}

    def translate_path(self, path: str) -> str:
        plain = path.partition("?")[0].partition("#")[0]
        return "/dev/null/none" if ".." in plain else str(self.site.file(plain))

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def site_of() -> Iterator[Site]:
    """A site on a loopback port of its own."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(PAGES)))
    server.daemon_threads = True
    site = handler.site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
