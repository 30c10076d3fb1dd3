"""Settings for the doctor, and what it says of them."""

from typing import Any

from app.domain.diagnosis import Examination, Finding
from app.settings import Settings


def bare_settings(**given: Any) -> Settings:
    """Those given, and the defaults: no environment, no file."""
    return Settings(_env_file=None, **given)


def problem(examination: Examination) -> Finding:
    """Its only warning or failure, which says why it matters and what to do."""
    [finding] = [f for f in examination.findings if f.verdict.is_problem]
    assert finding.why
    assert finding.remedy is not None
    assert finding.remedy.text
    return finding
