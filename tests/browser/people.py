"""Somebody whose files a test looks at from behind the page's back."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.running import Service
from tests.support.processes import DEADLINE
from tests.support.service import token_for


@dataclass
class Person:
    """A subject of their own, its token, and the service as this token sees it."""

    subject: str
    token: str
    service_url: str
    http: httpx.Client

    @classmethod
    @contextmanager
    def at(cls, service: Service, scope: str | None = None) -> Iterator["Person"]:
        subject = f"person-{uuid.uuid4().hex[:12]}"
        token = token_for(subject, scope)
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(
            base_url=service.url, headers=headers, trust_env=False, timeout=DEADLINE
        ) as http:
            yield cls(subject, token, service.url, http)

    def files(self) -> list[dict[str, Any]]:
        """Their records, newest first."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = self.http.get(f"/files?limit=100{cursor}").raise_for_status().json()
            items += answer["items"]
            if answer["next_cursor"] is None:
                return items
            cursor = f"&cursor={answer['next_cursor']}"

    def content(self, id: str) -> bytes:
        """What the store holds of a verified file."""
        answer = self.http.post(f"/files/{id}/download-url", json={}).raise_for_status()
        return httpx.get(answer.json()["url"], trust_env=False, timeout=DEADLINE).content
