"""The pinned requirements follow from the short lists (checked without a registry)."""

import ast
import json
import re
import sys
from importlib.metadata import packages_distributions
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


def _imported() -> set[str]:
    """Top-level names of the modules that files of the service import."""
    names: set[str] = set()
    for file in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names


def _modules_of(distributions: set[str]) -> set[str]:
    return {
        module
        for module, owners in packages_distributions().items()
        if distributions & {canonicalize_name(owner) for owner in owners}
    }


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-aws"])
def test_every_direct_dependency_is_pinned_with_hashes(name: str) -> None:
    assert _declared(f"{name}.in") <= _pinned(f"{name}.txt").keys()


def test_every_package_that_the_service_imports_is_declared() -> None:
    parts_of_others = {"starlette", "botocore", "psycopg-pool"}
    only_in_development = {"psutil", "mypy-boto3-s3"}
    allowed = _declared("requirements.in") | parts_of_others | only_in_development
    assert _imported() - set(sys.stdlib_module_names) - {"app"} <= _modules_of(allowed)


def test_development_runs_the_versions_of_production() -> None:
    assert _pinned("requirements.txt").items() <= _pinned("requirements-dev.txt").items()


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-aws.txt"]
)
def test_no_registry_is_named(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


def test_no_registry_of_npm_is_named() -> None:
    lock = json.loads((ROOT / "tests/browser/package-lock.json").read_text())
    taken_from = [package.get("resolved", "") for package in lock["packages"].values()]
    assert [place for place in taken_from if ":" in place] == []
