"""The pinned requirements follow from the short lists (checked without a registry)."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def _declared(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    words = [line.partition("#")[0].strip() for line in lines]
    return {
        canonicalize_name(Requirement(word).name)
        for word in words
        if word and not word.startswith("-")
    }


def _pinned(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    pins = re.findall(r"^(\S+)==(\S+)(.*)$", text, re.MULTILINE)
    assert all("--hash=sha256:" in rest for _, _, rest in pins)
    return {canonicalize_name(name.partition("[")[0]): version for name, version, _ in pins}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_direct_dependency_is_pinned_with_hashes(name: str) -> None:
    assert _declared(f"{name}.in") <= _pinned(f"{name}.txt").keys()


def test_development_runs_the_versions_of_production() -> None:
    assert _pinned("requirements.txt").items() <= _pinned("requirements-dev.txt").items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_no_registry_is_named(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()
