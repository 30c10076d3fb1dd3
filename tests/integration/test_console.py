"""The console as browsers load it, and who gets a token for development from it."""

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.exceptions.errors import StorageUnavailable
from app.infrastructure.development import SUBJECT, secret_file
from app.main import create_app
from app.routers.console import FILES
from app.routers.development_token import PATH, offers_development_token
from app.settings import Environment, Settings
from tests.support.service import User, serving

ALL = [path.relative_to(FILES).as_posix() for path in FILES.rglob("*.*")]
LOOPBACK = "http://127.0.0.1:8000"
OWN_PAGE = {
    "Origin": LOOPBACK,
    "Sec-Fetch-Site": "same-origin",
    "X-Slipway-Console": "1",
}


async def test_the_page_admits_scripts_of_its_own_and_calls_to_its_store(
    api: httpx.AsyncClient, settings: Settings
) -> None:
    answer = await api.get("/console/")
    assert (answer.status_code, answer.headers["referrer-policy"]) == (200, "no-referrer")
    assert answer.headers["x-content-type-options"] == "nosniff"
    rules = dict(
        rule.strip().partition(" ")[::2]
        for rule in answer.headers["content-security-policy"].split(";")
    )
    assert rules.pop("connect-src") == f"'self' {settings.s3_endpoint_url}"
    assert rules.pop("trusted-types") == "default"
    assert rules.pop("require-trusted-types-for") == "'script'"
    nothing, own = "'none'", "'self'"
    assert rules == {
        **dict.fromkeys(("default-src", "frame-ancestors", "base-uri", "form-action"), nothing),
        **dict.fromkeys(("script-src", "style-src", "img-src", "worker-src"), own),
    }


async def test_calls_go_where_the_signed_urls_lead(settings: Settings) -> None:
    public = {
        "s3_public_endpoint_url": "https://files.example.com:8443",
        "s3_addressing_style": "virtual",
    }
    async with serving(settings.model_copy(update=public)) as api:
        page = await api.get("/console/")
        record = await User(api).ask()
    origin = record["url"].partition("/uploads/")[0]
    assert origin == f"https://{settings.s3_bucket}.files.example.com:8443"
    assert f"connect-src 'self' {origin};" in page.headers["content-security-policy"]


async def test_it_opens_while_nothing_can_be_signed(settings: Settings) -> None:
    async def unavailable() -> str:
        raise StorageUnavailable("The credentials have expired.")

    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=LOOPBACK) as client,
    ):
        container = dataclasses.replace(app.state.container, store_origin=unavailable)
        app.state.container = container
        page = await client.get("/console/")
    assert page.status_code == 200
    assert "connect-src 'self';" in page.headers["content-security-policy"]


async def test_what_the_page_loads_is_there_and_nothing_in_it_runs_inline(
    api: httpx.AsyncClient,
) -> None:
    page = (await api.get("/console/")).text
    loaded = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert {"main.js", "favicon.svg"} < set(loaded)
    for name in loaded:
        assert (await api.get(f"/console/{name}")).status_code == 200, name
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", page)


@pytest.mark.parametrize("name", [name for name in ALL if name.endswith(".js")])
async def test_a_module_imports_what_is_there(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"/console/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    for imported in re.findall(r'(?:from |import |import\()"(\.[^"]+)"', answer.text):
        found = httpx.URL(f"http://x/console/{name}").join(imported).path
        assert (await api.get(str(found))).status_code == 200, imported


@pytest.mark.parametrize("name", ALL)
def test_it_works_offline_and_makes_no_markup_of_text(name: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", (FILES / name).read_text(), flags=re.DOTALL)
    hosts = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org"}
    assert not hosts
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


async def test_without_its_slash_it_leads_there_also_below_a_prefix(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.get("/console")
    assert (answer.status_code, answer.headers["location"]) == (307, "console/")


async def test_there_is_no_development_token_on_a_secret_of_ones_own(
    api: httpx.AsyncClient,
) -> None:
    assert (await api.get("/console/configuration")).json() == {"development_token": False}
    answer = await api.post(PATH, headers=OWN_PAGE)
    assert answer.json()["code"] in ("not_found", "method_not_allowed")


@pytest.fixture(scope="module")
def developing(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """As `make run` has it: on the secret that the service has made for itself."""
    directory = tmp_path_factory.mktemp("developing")
    secret = SecretStr(secret_file(directory, "jwt_secret"))
    return settings.model_copy(update={"data_dir": directory, "jwt_secret": secret})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def machine(developing: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The developer's own."""
    app = create_app(developing)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=LOOPBACK) as client,
    ):
        yield client


async def test_a_developer_gets_a_token_by_one_click(machine: httpx.AsyncClient) -> None:
    assert (await machine.get("/console/configuration")).json() == {"development_token": True}
    answer = await machine.post(PATH, headers=OWN_PAGE)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert (await machine.get("/usage", headers=bearer)).status_code == 200
    assert (await machine.get(f"/quotas/{SUBJECT}", headers=bearer)).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "127.0.0.1:8000", "localhost"])
async def test_by_any_name_of_the_loopback(machine: httpx.AsyncClient, host: str) -> None:
    headers = {**OWN_PAGE, "Host": host, "Origin": f"http://{host}"}
    assert (await machine.post(PATH, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}, "127.0.0.1"),
        ({"Host": "127.0.0.1.evil.example"}, "127.0.0.1"),
        ({"Host": "[::1"}, "127.0.0.1"),
        ({"Origin": "https://evil.example"}, "own page"),
        ({"Origin": "http://127.0.0.1:9000"}, "own page"),
        ({"Origin": "null"}, "own page"),
        ({"Sec-Fetch-Site": "cross-site"}, "own page"),
        ({"Sec-Fetch-Site": "same-site"}, "own page"),
        ({"Sec-Fetch-Site": "none"}, "own page"),
        ({"X-Forwarded-For": "127.0.0.1"}, "proxy"),
        ({"X-Forwarded-Host": "127.0.0.1"}, "proxy"),
        ({"Forwarded": "for=127.0.0.1"}, "proxy"),
        ({"X-Real-IP": "127.0.0.1"}, "proxy"),
        ({"Via": "1.1 proxy"}, "proxy"),
    ],
)
async def test_nobody_else_does(
    machine: httpx.AsyncClient, changed: dict[str, str], reason: str
) -> None:
    answer = await machine.post(PATH, headers={**OWN_PAGE, **changed})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert reason in answer.json()["detail"]
    assert "python -m app token" in answer.json()["detail"]


@pytest.mark.parametrize("missing", OWN_PAGE)
async def test_nobody_without_a_header(machine: httpx.AsyncClient, missing: str) -> None:
    headers = {name: value for name, value in OWN_PAGE.items() if name != missing}
    assert (await machine.post(PATH, headers=headers)).status_code == 403


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "::2", "testclient"])
async def test_nobody_from_another_machine(
    machine: httpx.AsyncClient, developing: Settings, address: str
) -> None:
    app = machine._transport.app  # type: ignore[attr-defined]
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url=LOOPBACK) as client:
        answer = await client.post(PATH, headers=OWN_PAGE)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_get_has_none(machine: httpx.AsyncClient) -> None:
    assert (await machine.get(PATH, headers=OWN_PAGE)).status_code in (404, 405)


@pytest.mark.parametrize(
    "changed",
    [
        {"environment": Environment.PRODUCTION},
        {"host": "0.0.0.0"},
        {"trusted_proxies": ("127.0.0.1",)},
        {"jwt_secret": SecretStr("x" * 64)},
        {"jwt_secret": None},
        {"data_dir": Path("nowhere")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_it_exists_for_a_developers_machine_alone(
    developing: Settings, changed: dict[str, object]
) -> None:
    assert offers_development_token(developing)
    assert not offers_development_token(developing.model_copy(update=changed))
