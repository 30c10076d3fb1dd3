"""Batches of which some files are refused, by a service that refuses as the real one does."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app.client.answers import File
from app.client.creation import Creation, Wished
from app.client.errors import ClientError, Refused
from app.client.journal import journal
from app.client.source import Source
from app.client.uploads import BATCH
from app.client.wish import Options, Wish
from app.domain.file import FileStatus, UploadMethod
from tests.client.test_journal import file

Verdict = Callable[[Sequence[Wish]], Refused | None]


class Service:
    """The calls of `Api` that create."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self.calls = 0
        self.files: dict[str, list[File]] = {}

    def create_many(self, wishes: Sequence[Wish], key: str) -> list[File]:
        self.calls += 1
        if refused := self._verdict(wishes):
            raise refused
        created = [file(wish["filename"], UploadMethod.PUT) for wish in wishes]
        return self.files.setdefault(key, created)

    def create(self, wish: Wish, key: str) -> File:
        return self.create_many([wish], key)[0]


def refusing(name: str) -> Verdict:
    """The first file of that name, as the service names it."""

    def verdict(wishes: Sequence[Wish]) -> Refused | None:
        at = [index for index, wish in enumerate(wishes) if wish["filename"] == name]
        return Refused(415, {"code": "type_not_allowed", "at": f"files.{at[0]}"}) if at else None

    return verdict


def over_quota(files: int) -> Verdict:
    """More than so many at once."""
    return lambda wishes: Refused(413, {"code": "quota_exceeded"}) if len(wishes) > files else None


def ask(
    service: Service, directory: Path, names: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """The names that were created, and the code for each that was not."""
    failed: dict[str, str] = {}

    def on_failure(source: Source, error: ClientError) -> None:
        assert source.name not in failed
        failed[source.name] = error.code

    wishes: list[Wished] = [
        (Source(f"/{name}", name, 1, 1), {"filename": name.partition("#")[0]}) for name in names
    ]
    with journal(directory, "test") as kept:
        creation = Creation(
            api=service,  # type: ignore[arg-type]
            journal=kept,
            options=Options(),
            checksums=True,
            on_read=lambda _: None,
            on_note=lambda _: None,
        )
        created = [source.name for source, _ in creation.many(wishes, on_failure)]
    return created, failed


def test_every_file_that_is_refused_is_named_and_no_other(tmp_path: Path) -> None:
    names = ["good#1", *(f"bad#{number}" for number in range(BATCH - 2)), "good#2"]
    created, failed = ask(Service(refusing("bad")), tmp_path, names)
    assert created == ["good#1", "good#2"]
    assert failed == dict.fromkeys(names[1:-1], "type_not_allowed")


def test_a_batch_of_one_that_is_refused_leaves_none(tmp_path: Path) -> None:
    service = Service(refusing("bad"))
    assert ask(service, tmp_path, ["bad"]) == ([], {"bad": "type_not_allowed"})
    assert service.calls == 1


def test_nothing_is_not_asked_for(tmp_path: Path) -> None:
    service = Service(refusing("bad"))
    assert ask(service, tmp_path, []) == ([], {})
    assert service.calls == 0


def test_what_is_too_much_together_is_asked_for_in_halves(tmp_path: Path) -> None:
    names = [f"good#{number}" for number in range(20)]
    created, failed = ask(Service(over_quota(6)), tmp_path, names)
    assert (created, failed) == (names, {})
    assert ask(Service(over_quota(0)), tmp_path, names[:3])[1].keys() == set(names[:3])


def test_what_is_said_of_all_is_said_of_each(tmp_path: Path) -> None:
    refused = Refused(422, {"code": "invalid_request", "errors": []})
    created, failed = ask(Service(lambda _: refused), tmp_path, ["a", "b"])
    assert (created, failed) == ([], {"a": "invalid_request", "b": "invalid_request"})


def test_a_token_that_is_refused_ends_everything(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        ask(Service(lambda _: Refused(403, {"code": "forbidden"})), tmp_path, ["a"])


@pytest.mark.parametrize("code", ["idempotency_conflict", "upload_expired"])
def test_a_key_that_is_spent_is_replaced(tmp_path: Path, code: str) -> None:
    spent = [Refused(409, {"code": code})]
    service = Service(lambda _: spent.pop() if spent else None)
    assert ask(service, tmp_path, ["a"]) == (["a"], {})
    assert service.calls == 2


def test_what_a_key_leads_to_must_be_alive(tmp_path: Path) -> None:
    service = Service(lambda _: None)
    with journal(tmp_path, "test") as kept:
        key = kept.key([Source("/a", "a", 1, 1)])
    service.files[key] = [file("a", UploadMethod.PUT, status=FileStatus.FAILED)]
    assert ask(service, tmp_path, ["a"]) == (["a"], {})
    assert len(service.files) == 2
