"""The OpenAPI document held against the running service, with a valid token.

Whatever is generated from it, valid or not: no 5xx, no undeclared status or content type, no
answer that breaks its own schema, and nothing without a token.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings

from app.main import create_app
from app.settings import Settings
from tests.support.service import token_for

EXAMPLES = 40
"""Per endpoint; the generators begin with the boundary values of every field."""


@pytest.fixture(scope="module")
def live_url(settings: Settings) -> Iterator[str]:
    """The service on a loopback socket: a client of its own process would hide HTTP itself."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


schema = schemathesis.openapi.from_dict(create_app(Settings(_env_file=None)).openapi())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
def test_the_service_is_what_its_document_says(case: Any, live_url: str) -> None:
    token = token_for("schemathesis", "files:read files:write files:process")
    case.call_and_validate(
        base_url=live_url,
        headers={"Authorization": f"Bearer {token}"},
        # Policies, cursors and "exactly one of" are rules that a schema cannot tell.
        excluded_checks=[schemathesis.checks.positive_data_acceptance],
    )
