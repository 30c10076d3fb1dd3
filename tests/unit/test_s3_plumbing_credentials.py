"""Credentials that end: renewed in time, off the event loop, once for everybody."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import pytest_asyncio
from botocore.credentials import Credentials, RefreshableCredentials
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.domain.file import UploadMethod
from app.domain.ports import UploadSpec
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.storage.credentials import SigningCredentials, read_credentials
from app.infrastructure.storage.rotation import RotatingSigner
from app.infrastructure.storage.s3 import S3ObjectStore
from app.settings import Settings
from tests.support.stores import open_store

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = Settings(_env_file=None, storage_type="s3")


@dataclass
class Role:
    """A role whose credentials live an hour, as STS gives them, and a clock that tests set."""

    now: datetime = START
    threads: list[str] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    broken: bool = False
    issued: int = 0

    def __post_init__(self) -> None:
        self.may_answer.set()
        self.credentials = RefreshableCredentials.create_from_metadata(
            self.assume(), self.assume, "assume-role"
        )
        self.credentials._time_fetcher = lambda: self.now
        self.threads.clear()

    def assume(self) -> dict[str, Any]:
        self.threads.append(threading.current_thread().name)
        assert self.may_answer.wait(10)
        if self.broken:
            raise ConnectionError("sts is down and here is a secret")
        self.issued += 1
        return {
            "access_key": f"KEY{self.issued}",
            "secret_key": "secret",
            "token": "token",
            "expiry_time": (self.now + timedelta(hours=1)).isoformat(),
        }


SHARED = boto3.Session(region_name="us-east-1")  # it caches the service models


class SessionOf:
    """A session whose chain has found these credentials."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._these = credentials

    def get_credentials(self) -> Any:
        return self._these

    def client(self, *args: Any, **options: Any) -> Any:
        return SHARED.client(*args, **options)


@pytest.fixture
def role() -> Role:
    return Role()


@dataclass
class Rotation:
    rotating: RotatingSigner
    chosen: list[str]

    async def key(self, now: datetime) -> str:
        return (await self.rotating.current(now)).credentials.access_key


@asynccontextmanager
async def rotation_of(
    role: Role, patience: float, settings: Settings = SETTINGS
) -> AsyncIterator[Rotation]:
    settings = settings.model_copy(update={"s3_timeout": patience})
    chosen: list[str] = []
    with ThreadPoolExecutor(2, thread_name_prefix="pool") as pool:
        rotating = RotatingSigner(SessionOf(role.credentials), settings, pool, chosen.append)
        await rotating.open(START)
        yield Rotation(rotating, chosen)
        role.may_answer.set()


@pytest_asyncio.fixture(loop_scope="session")
async def rotation(role: Role) -> AsyncIterator[Rotation]:
    async with rotation_of(role, patience=60) as rotation:
        yield rotation


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # polled with a deadline
            await asyncio.sleep(0.005)


async def test_while_they_are_fresh_nobody_asks(role: Role, rotation: Rotation) -> None:
    first = await rotation.key(START)
    assert await rotation.key(START + timedelta(minutes=44)) == first
    assert role.threads == []
    assert rotation.chosen == ["sigv4"]


async def test_in_the_last_quarter_they_are_renewed_behind_the_callers(
    role: Role, rotation: Rotation
) -> None:
    first = await rotation.key(START)
    role.may_answer.clear()
    role.now = START + timedelta(minutes=46)
    async with asyncio.timeout(60):
        assert await rotation.key(role.now) == first
    await until(lambda: len(role.threads) == 1)
    role.may_answer.set()
    await until(lambda: len(rotation.chosen) == 2)
    assert await rotation.key(role.now) != first
    assert role.threads[0].startswith("pool")


async def test_in_the_last_minutes_all_callers_wait_for_one_renewal(
    role: Role, rotation: Rotation
) -> None:
    first = await rotation.key(START)
    role.now = START + timedelta(minutes=51)
    keys = await asyncio.gather(*(rotation.key(role.now) for _ in range(20)))
    assert set(keys).isdisjoint({first})
    assert len(set(keys)) == len(role.threads) == 1
    assert rotation.chosen == ["sigv4", "sigv4"]


async def test_ended_credentials_are_renewed_before_anything_is_signed(
    role: Role, rotation: Rotation
) -> None:
    first = await rotation.key(START)
    role.now = START + timedelta(hours=3)
    assert await rotation.key(role.now) != first


async def test_a_renewal_that_hangs_costs_the_timeout_and_no_more(role: Role) -> None:
    async with rotation_of(role, patience=0.1) as rotation:
        first = await rotation.key(START)
        role.may_answer.clear()
        role.now = START + timedelta(minutes=59)
        assert await rotation.key(role.now) == first
        role.now = START + timedelta(minutes=61)
        with pytest.raises(StorageUnavailable, match="expired"):
            await rotation.key(role.now)
        assert len(role.threads) == 1


async def test_a_renewal_that_fails_is_tried_again(role: Role, rotation: Rotation) -> None:
    first = await rotation.key(START)
    role.broken = True
    role.now = START + timedelta(minutes=51)
    with capture_logs() as logs:
        assert await rotation.key(role.now) == first
    # botocore's own warning is there too when an earlier test has led its logger to structlog.
    ours = [log for log in logs if log.get("logger") is None]
    assert [log["error"] for log in ours] == ["ConnectionError"]
    assert "secret" not in repr(ours)
    asked = len(role.threads)
    assert await rotation.key(role.now + timedelta(seconds=29)) == first
    assert len(role.threads) == asked
    role.broken = False
    assert await rotation.key(role.now + timedelta(seconds=30)) != first


async def test_the_same_credentials_again_keep_their_signer(role: Role, rotation: Rotation) -> None:
    first = await rotation.key(START)
    role.broken = True  # in its advisory window botocore keeps what it has
    role.now = START + timedelta(minutes=46)
    assert await rotation.key(role.now) == first
    await until(lambda: len(role.threads) == 1)
    await until(rotation.rotating._renewal.done)
    for second in range(30):
        assert await rotation.key(role.now + timedelta(seconds=second)) == first
    assert (len(role.threads), rotation.chosen) == (1, ["sigv4"])


async def test_closing_gives_up_a_renewal(role: Role, rotation: Rotation) -> None:
    await rotation.key(START)
    role.may_answer.clear()
    role.now = START + timedelta(minutes=46)
    await rotation.key(role.now)
    rotation.rotating.close()
    with pytest.raises(asyncio.CancelledError):
        await rotation.rotating._renewal


async def test_no_url_outlives_the_credentials(role: Role) -> None:
    settings = SETTINGS.model_copy(update={"s3_access_key": None})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "app.infrastructure.storage.s3.open_session", lambda _: SessionOf(role.credentials)
        )
        async with open_store(settings, clock=lambda: START) as store:
            await _outlives(store)


async def _outlives(store: S3ObjectStore) -> None:
    spec = UploadSpec(key="k", type="text/plain", size=0)
    short = await store.presign_upload(spec, UploadMethod.PUT, 60)
    assert short.expires_at == START + timedelta(seconds=60)
    for method in (UploadMethod.PUT, UploadMethod.POST):
        signed = await store.presign_upload(spec, method, 7200)
        assert signed.expires_at == START + timedelta(hours=1)
    signed = await store.presign_download("k", type="a/b", disposition="inline", expires_in=7200)
    assert signed.expires_at == START + timedelta(hours=1)
    assert parse_qs(urlsplit(signed.url).query)["X-Amz-Expires"] == ["3600"]


async def test_what_the_service_sends_is_signed_with_the_new_ones_too(role: Role) -> None:
    settings = SETTINGS.model_copy(
        update={
            "s3_endpoint_url": "http://inside.example",
            "s3_public_endpoint_url": "http://outside.example",
            "s3_addressing_style": "path",
        }
    )
    async with rotation_of(role, patience=60, settings=settings) as rotation:
        signed = [
            (await rotation.rotating.current(now)).internal.sign_head("k", now=now)
            for role.now in (START, START + timedelta(hours=3))
            for now in (role.now,)
        ]
    assert {head.url for head in signed} == {"http://inside.example/slipway/k"}
    keys = [head.headers["authorization"].partition("Credential=")[2][:4] for head in signed]
    assert keys == ["KEY1", "KEY2"]
    assert [head.headers["x-amz-security-token"] for head in signed] == ["token"] * 2
    assert all("secret" not in repr(head) and "token" not in repr(head) for head in signed)


async def test_static_credentials_never_come_near_the_pool() -> None:
    class Pool(ThreadPoolExecutor):
        submitted = 0

        def submit(self, *args: Any, **options: Any) -> Any:
            Pool.submitted += 1
            return super().submit(*args, **options)

    with Pool(1) as pool:
        session = SessionOf(Credentials("key", "secret"))
        rotating = RotatingSigner(session, SETTINGS, pool, lambda _: None)
        await rotating.open(START)
        for years in range(50):
            await rotating.current(START + timedelta(days=365 * years))
    assert Pool.submitted == 1


@pytest.mark.parametrize("credentials", [None, Credentials(None, None)])
def test_without_credentials_the_way_out_is_named(credentials: Credentials | None) -> None:
    with pytest.raises(StorageUnavailable, match="S3_ACCESS_KEY and S3_SECRET_KEY"):
        read_credentials(credentials)


def test_a_snapshot_does_not_show_its_secrets() -> None:
    shown = repr(SigningCredentials("KEY", "the-secret", "the-token"))
    assert "the-" not in shown


@pytest.fixture
def no_chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which boto3's chain finds nothing and asks nobody."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return monkeypatch


async def test_the_chain_serves_when_no_keys_are_set(no_chain: pytest.MonkeyPatch) -> None:
    no_chain.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    no_chain.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    no_chain.setenv("AWS_SESSION_TOKEN", "session+token")
    async with open_store(SETTINGS) as store:
        signed = await store.presign_download("k", type="a/b", disposition="x", expires_in=60)
    query = parse_qs(urlsplit(signed.url).query)
    assert query["X-Amz-Credential"][0].startswith("FROMENV/")
    assert query["X-Amz-Security-Token"] == ["session+token"]


@pytest.mark.parametrize("name", [None, "s3_access_key", "s3_secret_key"])
async def test_a_store_without_whole_credentials_does_not_open(
    no_chain: pytest.MonkeyPatch, name: str | None
) -> None:
    settings = SETTINGS.model_copy(update={name: SecretStr("x")} if name else {})
    with pytest.raises(StorageUnavailable, match="S3_ACCESS_KEY and S3_SECRET_KEY"):
        async with open_store(settings):
            pass
