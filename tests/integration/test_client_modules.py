"""The browser client as pages load it from the service."""

import re

import httpx
import pytest

from app.routers.client import MODULES

SCRIPTS = [path.relative_to(MODULES).as_posix() for path in MODULES.rglob("*.js")]


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_module_is_a_script_and_what_it_imports_is_there(
    api: httpx.AsyncClient, name: str
) -> None:
    answer = await api.get(f"/client/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for imported in re.findall(r'(?:from|new URL\() ?"(\.[^"]+)"', answer.text):
        found = await api.get(str(httpx.URL(f"http://x/client/{name}").join(imported).path))
        assert found.status_code == 200, imported


async def test_a_module_is_asked_for_again_by_its_etag(api: httpx.AsyncClient) -> None:
    first = await api.get("/client/slipway.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await api.get("/client/slipway.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/client/none.js", "/client/../app/main.py", "/client/"])
async def test_nothing_else_is_there(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
