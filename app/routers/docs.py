"""The manual: Swagger UI and ReDoc from our own host, under a strict Content-Security-Policy.

FastAPI's own pages load from a CDN and start with an inline script; these do neither. The
assets come from the package fastapi-offline, which ships the two bundles as files.
"""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

_PAGES = Path(__file__).parent.parent / "static"
_BUNDLES = Path(fastapi_offline.__file__).parent / "static"

# Both bundles write style attributes; ReDoc searches in a worker made from a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def swagger() -> FileResponse:
    return _page("swagger.html")


@router.get("/redoc")
async def redoc() -> FileResponse:
    return _page("redoc.html")


@router.get("/docs-assets/swagger-init.js")
async def swagger_init() -> FileResponse:
    return FileResponse(_PAGES / "swagger-init.js")


def mount_docs(app: FastAPI) -> None:
    """The two pages and what they load."""
    app.include_router(router)
    app.mount("/docs-assets", StaticFiles(directory=_BUNDLES))


def _page(name: str) -> FileResponse:
    return FileResponse(_PAGES / name, headers={"Content-Security-Policy": _POLICY})
