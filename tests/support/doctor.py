"""The doctor as tests call it."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.container import open_doctor, utc_now
from app.domain.diagnosis import Examination, Verdict
from app.infrastructure.diagnosis.store import StoreAccess
from app.infrastructure.diagnosis.store_checks import store_checks
from app.infrastructure.storage.bucket import set_up_bucket
from app.service.doctor import Doctor
from app.settings import Settings
from tests.support.chaos import Answer, Call, ChaosProxy, Forward, Weather
from tests.support.multipart import changed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ORIGIN = "https://app.example.com"


async def examine(
    settings: Settings, name: str, *, fix: bool = False, ahead: timedelta = timedelta(0)
) -> Examination:
    """What one check of the store comes to on a clock that is that much ahead.

    It runs alone, as if what it needs were well.
    """

    def clock() -> datetime:
        return utc_now() + ahead

    access = StoreAccess(settings, clock=clock)
    [check] = [check for check in store_checks(access) if check.name == name]
    try:
        [found] = (
            await Doctor([replace(check, needs=())], clock=clock).examine(fix=fix)
        ).examinations
    finally:
        await access.close()
    return found


async def store_verdicts(settings: Settings) -> dict[str, Verdict]:
    """What the whole doctor says of the store."""
    access = StoreAccess(settings, clock=utc_now)
    return await verdicts(settings, *(check.name for check in store_checks(access)))


async def verdicts(settings: Settings, *only: str) -> dict[str, Verdict]:
    """What the whole doctor says, or of these checks and those that they need."""
    async with open_doctor(settings) as doctor:
        return {e.name: e.verdict for e in (await doctor.examine(only=only)).examinations}


def said(examination: Examination) -> str:
    """Everything that is shown of it."""
    return "\n".join(f"{f.what} {f.why} {f.remedy or ''}" for f in examination.findings)


@asynccontextmanager
async def behind(settings: Settings, weather: Weather, **changes: Any) -> AsyncIterator[Settings]:
    """Settings on which that weather stands between the service and its store."""
    assert settings.s3_endpoint_url is not None
    async with ChaosProxy(settings.s3_endpoint_url) as proxy:
        proxy.weather = weather
        yield changed(settings, s3_endpoint_url=proxy.url, **changes)


def altering(alter: Callable[[Call, Answer], Answer]) -> Weather:
    """The store's answer, altered."""

    async def weather(call: Call, forward: Forward) -> Answer | None:
        return alter(call, await forward(call))

    return weather


def header(call: Call, name: str) -> str:
    """A header of a call, empty without it."""
    found = [value for key, value in call.headers if key.lower() == name.encode()]
    return found[0].decode() if found else ""


def with_header(answer: Answer, name: str, value: str | None) -> Answer:
    """The answer with that header, or without it."""
    kept = [(n, v) for n, v in answer.headers if n.lower() != name.encode()]
    added = [] if value is None else [(name.encode(), value.encode())]
    return Answer(answer.status, answer.body, [*kept, *added])


def set_up(store_settings: Settings) -> Settings:
    """Settings with a new bucket of their own, where pages of ORIGIN may upload."""
    settings = changed(
        store_settings,
        s3_bucket=f"doctor-{uuid.uuid4().hex[:12]}",
        cors_origins=(ORIGIN,),
        jwt_secret="a-test-key-of-more-than-thirty-two-bytes",
    )
    set_up_bucket(settings, settings.cors_origins)
    return settings


@pytest.fixture(scope="session")
def own(store_settings: Settings) -> Settings:
    """A service of the doctor's tests in which all is well; nobody changes its bucket."""
    return set_up(store_settings)


@pytest.fixture
def fresh(store_settings: Settings) -> Settings:
    """The same with a bucket that the test may change."""
    return set_up(store_settings)


@pytest.fixture
def nothing_left(own: Settings, admin_s3: "S3Client") -> Iterator[None]:
    """Whatever is examined, nothing stays in the bucket."""
    yield
    assert "Contents" not in admin_s3.list_objects_v2(Bucket=own.s3_bucket)
    assert not admin_s3.list_multipart_uploads(Bucket=own.s3_bucket).get("Uploads")
