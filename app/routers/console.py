"""The console: a page for people, and the ES modules and styles that it loads."""

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import BaseModel

from app.exceptions.errors import StorageUnavailable
from app.routers.dependencies import get_container
from app.routers.modules import Modules

FILES = Path(__file__).parents[1] / "static" / "console"

# Trusted Types let no text become HTML, whatever code comes; the one policy that the page makes
# admits the thread for checksums. https://www.w3.org/TR/trusted-types/
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'{store}; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types default"
)

router = APIRouter(include_in_schema=False)


class Configuration(BaseModel):
    """What the page needs to know before anybody has signed in."""

    development_token: bool


@router.get("/console")
async def without_slash() -> RedirectResponse:
    """Relative, so that it also leads there below a proxy's prefix."""
    return RedirectResponse("console/")


@router.get("/console/")
async def page(request: Request) -> FileResponse:
    headers = {"Content-Security-Policy": await _policy(request), "Cache-Control": "no-cache"}
    return FileResponse(FILES / "index.html", headers=headers)


def mount_console(app: FastAPI, *, development_token: bool) -> None:
    """`/console/`; `development_token` says whether the page may ask for one."""
    configuration = Configuration(development_token=development_token)

    async def answer() -> Configuration:
        return configuration

    app.add_api_route("/console/configuration", answer, include_in_schema=False)
    app.include_router(router)
    app.mount("/console", Modules(directory=FILES))


async def _policy(request: Request) -> str:
    try:
        store = f" {await get_container(request).store_origin()}"
    except StorageUnavailable:
        store = ""  # nothing can be uploaded now, but everything else works
    return _POLICY.format(store=store)
