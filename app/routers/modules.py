"""Files of ES modules, as browsers want them."""

from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

_TYPES = {".js": "text/javascript; charset=utf-8", ".ts": "text/plain; charset=utf-8"}


class Modules(StaticFiles):
    """Asked for by ETag each time: modules of two releases do not fit together."""

    def file_response(self, full_path: Any, *args: Any, **options: Any) -> Response:
        answer = super().file_response(full_path, *args, **options)
        answer.headers["Cache-Control"] = "no-cache"
        kind = _TYPES.get(Path(full_path).suffix)
        # Python 3.11 has an outdated name for it; a 304 has no type.
        if kind is not None and "content-type" in answer.headers:
            answer.headers["Content-Type"] = kind
        return answer
