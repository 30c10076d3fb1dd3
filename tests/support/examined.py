"""Settings for the doctor, and what it says of them."""

from typing import Any

from app.container import open_doctor
from app.domain.diagnosis import Examination, Finding
from app.settings import Settings


def bare_settings(**given: Any) -> Settings:
    """Those given, and the defaults: no environment, no file."""
    return Settings(_env_file=None, **given)


async def examined(settings: Settings, name: str, *, fix: bool = False) -> Examination:
    """The check of that name, after those that it needs."""
    async with open_doctor(settings) as doctor:
        diagnosis = await doctor.examine(only=[name], fix=fix)
    return next(e for e in diagnosis.examinations if e.name == name)


def problem(examination: Examination) -> Finding:
    """Its only warning or failure, which says why it matters and what to do."""
    [finding] = [f for f in examination.findings if f.verdict.is_problem]
    assert finding.why
    assert finding.remedy is not None
    assert finding.remedy.text
    return finding
