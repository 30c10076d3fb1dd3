"""A worker killed while the endpoint of a webhook has its request, and no answer was noted."""

from pathlib import Path

import pytest

from app.settings import Settings
from tests.e2e.test_worker import worker
from tests.support.databases import execute
from tests.support.processes import free_port
from tests.support.receiver import receiving, silence
from tests.support.service import User, running
from tests.support.workers import until

pytestmark = pytest.mark.usefixtures("unmeasured")

LAPSED = """
UPDATE webhook_deliveries SET due_at = now() WHERE status = 'pending' AND due_at > now()
RETURNING id
"""


async def test_another_worker_sends_it_again_and_what_came_after_it_later(
    settings: Settings, tmp_path: Path
) -> None:
    allowed = settings.model_copy(update={"webhook_allowed_networks": ("127.0.0.0/8",)})
    assert settings.database_url
    url = settings.database_url.get_secret_value()
    async with running(allowed) as service, receiving() as receiver:
        user = User(service.api)
        receiver.answers = [silence]
        answer = await user.call("POST", "/webhooks", json={"url": receiver.url()})
        webhook = answer.json()
        record = await user.upload()
        await user.move(record, "uploaded")
        with worker(tmp_path / "first", allowed, free_port()) as first:
            await receiver.wait_for(1)
            await user.move(record, "completed")
            first.kill()
            first.wait()
        assert len(await execute(url, LAPSED)) == 1

        with worker(tmp_path / "second", allowed, free_port()):
            killed, again, later = await receiver.wait_for(3)
            path = f"/webhooks/{webhook['id']}/deliveries"

            async def noted() -> bool:
                sent = (await user.call("GET", path)).json()["items"]
                return [item["status"] for item in sent] == ["delivered"] * 2

            await until(noted, "both have arrived")
        assert (killed.id, killed.body) == (again.id, again.body)
        kinds = [request.verified(webhook["secret"])["type"] for request in (again, later)]
        assert kinds == ["file.uploaded", "file.completed"]
        assert len(receiver.received) == 3
