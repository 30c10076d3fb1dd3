"""The client's calls against a service that answers what a test tells it to."""

import json

import pytest

from app.client.answers import File
from app.client.api import Api
from app.client.errors import BadToken, BadUrl, ClientError, Refused, Unintelligible, Unreachable
from app.client.transport import Transport
from app.domain.file import FileStatus
from app.schemas.response.file_response import EXAMPLE
from tests.support.processes import free_port
from tests.support.stub_server import (
    Answering,
    StubServer,
    Told,
    one_after_the_other,
    refusal,
    stub_server,
)

TOKEN = "a.secret.token"
WISH = {"filename": "cat.png", "type": "image/png", "file_size": 12345}


def api_of(server: StubServer) -> Api:
    return Api(Transport(server.url, TOKEN))


def failure(answering: Answering) -> ClientError:
    """What a call raises."""
    with stub_server(answering) as server, pytest.raises(ClientError) as failed:
        api_of(server).file("an-id")
    assert TOKEN not in str(failed.value)
    return failed.value


def test_a_creation_is_typed_and_names_its_idempotency_key() -> None:
    with stub_server(lambda _: Told(201, EXAMPLE)) as server:
        file = api_of(server).create(WISH, "a key")
        [asked] = server.asked
    assert (asked.method, asked.path, json.loads(asked.body)) == ("POST", "/presigned-url", WISH)
    assert asked.headers["Idempotency-Key"] == "a key"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert (file.id, file.status, file.url) == (EXAMPLE["id"], FileStatus.PENDING, EXAMPLE["url"])
    assert (file.plan, file.part_urls) == (None, {})


def test_a_file_whose_parts_another_client_cuts_has_no_plan() -> None:
    cut_elsewhere = {"part_size": None, "part_count": None, "parts": [], "next_part": None}
    told = EXAMPLE | {"method": "multipart", "multipart": cut_elsewhere}
    with stub_server(lambda _: Told(200, told)) as server:
        assert api_of(server).file(EXAMPLE["id"]).plan is None


def test_the_plan_of_an_upload_in_parts_is_typed() -> None:
    part = {"part_number": 1, "size": 10, "url": "https://store/1"}
    plan = {"part_size": 10, "part_count": 2, "parts": [part], "next_part": 2}
    told = EXAMPLE | {"method": "multipart", "file_size": 12, "multipart": plan}
    with stub_server(lambda _: Told(201, told)) as server:
        file = api_of(server).create(WISH, "a key")
    assert file.plan is not None
    assert (file.plan.part_count, file.plan.size_of(2)) == (2, 2)
    assert file.part_urls == {1: "https://store/1"}


def test_missing_parts_are_numbers() -> None:
    told = {"parts": [], "missing": [[2, 4], [7, 7]], "uploaded_bytes": 3}
    with stub_server(lambda _: Told(200, told)) as server:
        assert api_of(server).held_parts("an-id").numbers == [2, 3, 4, 7]


def test_a_problem_document_is_an_error_with_its_code() -> None:
    errors = [{"field": "files.3.type", "message": "-"}]
    failed = failure(lambda _: refusal(422, "invalid_request", errors=errors))
    assert isinstance(failed, Refused)
    assert (failed.status, failed.code, str(failed)) == (
        *(422, "invalid_request"),
        "Told invalid_request.",
    )
    assert failed.fields == ("files.3.type",)
    assert not failed.is_of_token
    assert failure(lambda _: refusal(401, "unauthorized")).is_of_token


@pytest.mark.parametrize("errors", [None, "type", ["type"], [{}]])
def test_errors_that_name_no_field_are_none(errors: object) -> None:
    failed = failure(lambda _: refusal(422, "invalid_request", errors=errors))
    assert isinstance(failed, Refused)
    assert (failed.fields, failed.index) == ((), None)


def test_more_parts_than_there_can_be_are_not_counted_up() -> None:
    told = {"parts": [], "missing": [[1, 10**12]], "uploaded_bytes": 0}
    with stub_server(lambda _: Told(200, told)) as server, pytest.raises(Unintelligible):
        api_of(server).held_parts("an-id")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_by_itself_is_waited_for(status: int) -> None:
    passing = one_after_the_other(refusal(status, "passing", retry_after=1), Told(200, EXAMPLE))
    with stub_server(passing) as server:
        assert api_of(server).file("an-id").id == EXAMPLE["id"]
        assert len(server.asked) == 2


def test_a_defect_of_the_service_is_not_asked_for_twice() -> None:
    with stub_server(lambda _: refusal(500, "internal_error")) as server:
        with pytest.raises(Refused):
            api_of(server).file("an-id")
        assert len(server.asked) == 1


def test_a_lost_answer_is_asked_for_again() -> None:
    with stub_server(one_after_the_other(None, Told(200, EXAMPLE))) as server:
        api_of(server).report("an-id", "uploaded")
        bodies = [json.loads(asked.body) for asked in server.asked]
    assert bodies == [{"id": "an-id", "status": "uploaded"}] * 2


def test_many_reports_are_typed_each_by_itself() -> None:
    problem = {"code": "storage_unavailable", "status": 500, "retry_after": 3}
    other = "0199f3a1-7c20-7d52-8a07-5e61b0c4d9aa"
    items = [
        {"id": EXAMPLE["id"], "file": EXAMPLE, "problem": None},
        {"id": other, "file": None, "problem": problem},
    ]
    with stub_server(lambda _: Told(200, {"items": items})) as server:
        api = api_of(server)
        file, refused = api.uploaded([str(EXAMPLE["id"]), other])
        with pytest.raises(Unintelligible):
            api.uploaded([other])
        asked = server.asked[0]
    assert (asked.method, asked.path) == ("PUT", "/file-statuses")
    assert json.loads(asked.body)["items"][1] == {"id": other, "status": "uploaded"}
    assert isinstance(file, File)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.status, refused.passes) == ("storage_unavailable", 500, True)
    assert not Refused(409, {"code": "object_missing"}).passes


@pytest.mark.parametrize(
    "told",
    [
        Told(200, b"<html>"),
        Told(404, b"<html>"),
        Told(404, {"message": "no such path"}),
        Told(200, {"id": "an-id"}),
        Told(200, []),
        Told(200, EXAMPLE | {"status": "sunk"}),
        Told(200, EXAMPLE | {"id": "../../.ssh/authorized_keys"}),
        Told(200, EXAMPLE | {"multipart": {"part_size": 0, "parts": []}}),
        Told(200, EXAMPLE | {"file_size": 20_000, "multipart": {"part_size": 1, "parts": []}}),
        Told(404, {"code": 404}),
        Told(307, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    ],
)
def test_another_service_is_recognised(told: Told) -> None:
    failed = failure(lambda _: told)
    assert isinstance(failed, Unintelligible)
    assert "is this the address of a Slipway service?" in str(failed)


def test_nobody_there_is_told_with_the_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"{url} does not answer: Connection refused"):
        Api(Transport(url, TOKEN)).file("an-id")


def test_a_wrong_scheme_is_told_at_once() -> None:
    """As a certificate is that is not good: no patience mends it."""
    with stub_server(lambda _: Told(200, EXAMPLE)) as server:
        connections = []
        server.verify_request = lambda *client: not connections.append(client)  # type: ignore[method-assign]
        with pytest.raises(Unreachable, match="wrong version number"):
            Api(Transport(server.url.replace("http:", "https:"), TOKEN)).file("an-id")
    assert len(connections) == 1


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://files.example.com",
        "http://",
        "http://host:no",
        "http://me:secret@files.example.com",
        "http://files.example.com?a=b",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(BadUrl) as failed:
        Transport(url, TOKEN)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_token_that_cannot_be_one_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        Transport("http://files.example.com", token)


def test_a_service_below_a_path_is_asked_there() -> None:
    with stub_server(lambda _: Told(200, {"items": [EXAMPLE], "next_cursor": None})) as server:
        page = Api(Transport(f"{server.url}/files-api/", TOKEN)).page(status="uploaded", limit=5)
        [asked] = server.asked
    assert asked.path == "/files-api/files?status=uploaded&limit=5"
    assert [item.id for item in page.items] == [EXAMPLE["id"]]
