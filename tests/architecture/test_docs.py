"""The documents: examples parse, links lead somewhere, and nothing important is left out."""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from app.container import open_doctor
from app.infrastructure.diagnosis.permissions import policy_document
from app.infrastructure.metrics import Metrics
from app.infrastructure.storage.bucket import cors_configuration, lifecycle_configuration
from app.routers.problem_document import STATUS
from app.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in _FENCE.findall(page.read_text()) if name == language]


def _anchors(page: Path) -> set[str]:
    """The ids that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@PAGE
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@PAGE
def test_json_examples_parse(page: Path) -> None:
    for block in _blocks(page, "json"):
        json.loads(block)


@PAGE
def test_shell_examples_parse(page: Path) -> None:
    for block in _blocks(page, "sh"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + block


def test_the_readme_follows_its_order() -> None:
    headings = re.findall(r"^## (.+)$", PAGES[0].read_text(), re.MULTILINE)
    assert headings == [
        *("What it gives", "Run it", "Try it with curl", "Use it from a browser"),
        *("Use it from a shell", "Configure", "Deploy", "Operate", "Test", "How it is built"),
    ]


def test_the_readme_shows_the_buckets_own_documents() -> None:
    shown = [json.loads(block) for block in _blocks(PAGES[0], "json")]
    assert cors_configuration(["https://app.example.com"]) in shown
    assert lifecycle_configuration() in shown


def test_the_readme_shows_the_rights_that_the_doctor_asks_for() -> None:
    shown = [json.loads(block) for block in _blocks(PAGES[0], "json")]
    assert policy_document(Settings(_env_file=None, s3_bucket="your-bucket")) in shown


def test_the_readme_names_only_settings_that_exist() -> None:
    table = PAGES[0].read_text().partition("## Configure")[2].partition("## Deploy")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)]
    assert len(names) > 10
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


def test_every_error_has_its_advice() -> None:
    guide = (ROOT / "docs/upload-guide.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", guide, re.MULTILINE))
    assert rows == {(error.code, str(status)) for error, status in STATUS.items()}


def test_every_metric_is_explained() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    explained = re.findall(r"^\| `(slipway_\w+)` \|", page, re.MULTILINE)
    text = Metrics().expose()[0].decode()
    exposed = re.findall(r"^# TYPE (slipway_(?!process_)\w+)(?<!_created) ", text, re.MULTILINE)
    assert sorted(explained) == sorted(exposed)


async def test_every_check_of_the_doctor_is_explained() -> None:
    page = (ROOT / "docs/doctor.md").read_text().partition("## Settings")[2]
    rows = re.findall(r"^\| (`[a-z`, -]+`) \|", page, re.MULTILINE)
    explained = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    async with open_doctor(Settings(_env_file=None)) as doctor:
        assert explained == list(doctor.names)


def test_the_doctor_speaks_of_settings_that_exist() -> None:
    page = (ROOT / "docs/doctor.md").read_text()
    names = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", page)) - {"AWS_CA_BUNDLE"}
    assert {name.lower() for name in names} <= Settings.model_fields.keys()


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/adr"
    pages = sorted(page.name for page in folder.glob("[0-9]*.md"))
    assert [
        link for link in _LINK.findall((folder / "README.md").read_text()) if link in pages
    ] == pages
    assert len({name[:4] for name in pages}) == len(pages)
