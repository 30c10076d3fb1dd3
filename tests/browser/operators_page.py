"""The console as an operator meets it, and answers that stand for a service in trouble."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Locator, Page, Route

from tests.browser.console_page import expect
from tests.browser.people import Person

NOW = datetime.now(UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
WEBHOOK = "0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"
LONG_NAME = f"{'Ein sehr langer Name ' * 9}für einen Bericht.pdf"


def ago(**past: float) -> str:
    return (NOW - timedelta(**past)).isoformat()


def page_of(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": None}


def outcomes(*failed: int) -> dict[str, Any]:
    """The last hours, in which so many failed."""
    rows = [
        {
            "at": (HOUR - timedelta(hours=len(failed) - 1 - hour)).isoformat(),
            "pending": hour % 3,
            "uploaded": 2,
            "processing": 0,
            "completed": 40 + 7 * (hour % 5),
            "failed": number,
            "deleted": 3 if hour % 4 == 0 else 0,
        }
        for hour, number in enumerate(failed)
    ]
    return {"interval": "hour", "most_counted": 100_000, "items": rows}


def failure(reason: str, files: int, owners: int, example: str | None) -> dict[str, Any]:
    told = {"reason": reason, "files": files, "owners": owners, "example": example}
    return told | {"latest": ago(minutes=3)}


def failed_file(number: int, owner: str, name: str, reason: str, words: str) -> dict[str, Any]:
    return {
        "id": f"0199f3a1-7c1e-7b1a-9c55-{number:012x}",
        "owner": owner,
        "key": f"uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-{number:012x}.pdf",
        "status": "failed",
        "reason": reason,
        "status_reason": words,
        "filename": name,
        "type": "application/pdf",
        "file_size": 1_234_567 * (number + 1),
        "size_is_limit": number == 4,
        "observed_size": None,
        "method": "PUT",
        "policy": "default",
        "created_at": ago(minutes=9 * number + 4),
        "updated_at": ago(minutes=9 * number + 3),
        "deleted_at": None,
    }


def delivery(number: int, status: str, error: str | None = None) -> dict[str, Any]:
    return {
        "id": f"msg_{number:032x}",
        "event": "file.completed",
        "file_id": None,
        "status": status,
        "attempts": 10 if error else 1,
        "created_at": ago(hours=number + 1),
        "attempted_at": ago(hours=number),
        "next_attempt_at": None,
        "response_status": 503 if error else 200,
        "error": error,
    }


def webhook(number: int, owner: str | None, host: str, **more: Any) -> dict[str, Any]:
    return {
        "id": WEBHOOK[:-1] + str(number),
        "owner": owner,
        "host": host,
        "events": None,
        "enabled": True,
        "disabled_at": None,
        "disabled_reason": None,
        "failing_since": None,
        "created_at": ago(days=40),
        "waiting": 0,
        "last_failure": None,
    } | more


def job(number: int, name: str = "discard") -> dict[str, Any]:
    return {
        "id": 4711 + number,
        "name": name,
        "status": "failed",
        "attempts": 34,
        "at": ago(hours=2),
        "file_id": f"0199f3a1-7c1e-7b1a-9c55-{number:012x}",
        "changed_at": ago(hours=1),
    }


PARTS = ("database", "migrations", "storage")

EMPTY: dict[str, Any] = {
    "/admin/health": {"ready": True, "checks": dict.fromkeys(PARTS, "ok")},
    "/admin/backlog": {"most_counted": 10_000, "deliveries": 0, "jobs": []},
    "/admin/webhooks": page_of(),
    "/admin/outcomes": outcomes(*[0] * 24),
    "/admin/failures": {"since": ago(hours=24), "most_counted": 10_000, "files": 0, "items": []},
    "/admin/files": page_of(),
    "/admin/owners": page_of(),
    "/admin/jobs": page_of(),
}
for _row in EMPTY["/admin/outcomes"]["items"]:
    _row |= dict.fromkeys(("pending", "uploaded", "completed", "deleted"), 0)

HEALTHY: dict[str, Any] = EMPTY | {
    "/admin/outcomes": outcomes(*[0, 0, 1] * 8),
    "/admin/webhooks": page_of(
        webhook(1, "ann", "https://hooks.example.com"),
        webhook(2, None, "https://audit.example.com"),
    ),
}

SIZE = "size is 4 bytes, declared 1234567"
BROKEN = "The endpoint answered 503."
TROUBLED: dict[str, Any] = HEALTHY | {
    "/admin/backlog": {
        "most_counted": 10_000,
        "deliveries": 10_000,
        "jobs": [
            {"name": "discard", "status": "failed", "count": 2},
            {"name": "discard", "status": "todo", "count": 37},
        ],
    },
    "/admin/outcomes": outcomes(*[0, 3, 1, 0, 9, 22] * 4),
    "/admin/failures": {
        "since": ago(hours=24),
        "most_counted": 10_000,
        "files": 140,
        "items": [
            failure("size", 101, 3, SIZE),
            failure("expired", 30, 12, "expired"),
            failure(
                "checksum",
                8,
                1,
                "sha256 is n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=, declared xY",
            ),
            failure("reported", 1, 1, None),
        ],
    },
    "/admin/files": page_of(
        failed_file(1, "ann", "Jahresbericht 2026.pdf", "size", SIZE),
        failed_file(2, "auth0|5f7c1b2a3d4e5f6a7b8c9d0e", LONG_NAME, "expired", "expired"),
        failed_file(
            3, "مريم", "תמונה של חתול.png", "type", "type is text/html, declared image/png"
        ),
        failed_file(4, "bob", "cat.png", "reported", "the person gave up"),
    ),
    "/admin/webhooks": page_of(
        webhook(1, "ann", "https://hooks.example.com"),
        webhook(
            2,
            "auth0|5f7c1b2a3d4e5f6a7b8c9d0e",
            "https://a-receiver-with-a-long-name.internal.example.com:8443",
            failing_since=ago(hours=5),
            waiting=10_000,
            last_failure=delivery(1, "pending", BROKEN),
        ),
        webhook(
            3,
            None,
            "https://audit.example.com",
            enabled=False,
            disabled_at=ago(days=1),
            disabled_reason="Every attempt has failed for 3 days.",
            failing_since=ago(days=4),
            last_failure=delivery(2, "failed", BROKEN),
        ),
    ),
    "/admin/owners": page_of(
        *(
            {
                "owner": owner,
                "used": {"files": files, "bytes": size},
                "reserved": {"files": files % 3, "bytes": files % 3 * 12_345_678},
                "limit": {"bytes": limit, "files": None, "in_flight_bytes": None},
                "overridden": limit == 5_000_000_000,
            }
            for owner, files, size, limit in (
                ("ann", 41, 734_003_200, 10_737_418_240),
                ("auth0|5f7c1b2a3d4e5f6a7b8c9d0e", 12_003, 10_737_000_000, 10_737_418_240),
                ("bob", 1, 5_100_000_000, 5_000_000_000),
                ("مريم", 0, 0, None),
            )
        )
    ),
    "/admin/jobs": page_of(job(1), job(2, "delete")),
}

SILENT = "The object store does not answer; try again."
DOWN = {"ready": False, "checks": dict.fromkeys(PARTS, "ok") | {"storage": SILENT}}


def check(title: str, verdict: str, *findings: dict[str, Any]) -> dict[str, Any]:
    named = {"name": title.lower(), "title": title, "verdict": verdict, "fixed": ""}
    return named | {"findings": [{"verdict": verdict, "fixable": False} | f for f in findings]}


DIAGNOSIS = {
    "problems": 2,
    "at": ago(seconds=1),
    "seconds": 1.84,
    "checks": [
        check("Credentials", "ok", {"what": "They sign, and the store accepts them.", "why": ""}),
        check(
            "CORS",
            "failure",
            {
                "what": "The bucket has no rule that lets pages of https://example.com send files.",
                "why": "Browsers ask the store before they send anything, and are refused.",
                "remedy": {
                    "text": "Give the bucket this rule.",
                    "command": "aws s3api put-bucket-cors --bucket acme-uploads "
                    "--cors-configuration file://cors.json",
                    "document": {
                        "CORSRules": [
                            {
                                "AllowedOrigins": ["https://example.com"],
                                "AllowedMethods": ["PUT", "POST"],
                                "AllowedHeaders": ["*"],
                            }
                        ]
                    },
                },
            },
        ),
        check(
            "Unfinished uploads",
            "warning",
            {
                "what": "No lifecycle rule aborts unfinished multipart uploads.",
                "why": "Their parts cost as objects do, and no listing of objects shows them.",
                "remedy": {
                    "text": "Let the bucket abort them after 30 days.",
                    "command": "python -m app doctor --fix --only lifecycle",
                    "document": None,
                },
            },
        ),
        check("Versioning", "note", {"what": "The bucket keeps no versions.", "why": ""}),
        check("Database", "ok", {"what": "It answers.", "why": ""}),
    ],
}


@dataclass
class Operations:
    """The operators' part of the console in a page."""

    page: Page
    person: Person

    async def sign_in(self) -> None:
        """The console at the operators' address, with a token that the tab keeps already."""
        token = json.dumps(self.person.token)
        await self.page.add_init_script(f"sessionStorage.setItem('slipway.token', {token})")
        await self.page.goto(f"{self.person.service_url}/console/#operators")

    async def open(self, tab: str | None = None) -> None:
        """Signed in, at the overview or another tab."""
        await self.sign_in()
        await expect(self.tab("Overview")).to_be_visible()
        if tab is not None:
            await self.show(tab)

    def tab(self, name: str) -> Locator:
        return self.page.get_by_role("tab", name=name, exact=True)

    async def show(self, tab: str) -> None:
        await self.tab(tab).click()
        await self.settled()

    async def settled(self) -> None:
        """Nothing is asked for any more."""
        await expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    async def overflow(self) -> int:
        """CSS pixels by which the page is wider than its window."""
        wider = "document.scrollingElement.scrollWidth - innerWidth"
        return int(await self.page.evaluate(f"Math.max(0, {wider})"))

    async def answer(self, answers: dict[str, Any]) -> None:
        """From now on those paths are answered so, with the status that stands in them."""

        async def fulfil(route: Route) -> None:
            url = urlsplit(route.request.url)
            body = answers[url.path]
            if "troubled=true" in url.query:
                body = page_of(*(each for each in body["items"] if each["failing_since"]))
            status = body.get("status", 200)
            await route.fulfill(json=body, status=status if isinstance(status, int) else 200)

        for path in answers:
            await self.page.route(lambda url, path=path: urlsplit(url).path == path, fulfil)
