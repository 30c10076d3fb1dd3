"""Keys: each strategy's layout, and nothing of the client's but a plain extension."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.object_key import object_key, owner_folder
from app.domain.policy import KeyStrategy, UploadPolicy
from tests.support.records import NOON

ID = UUID("0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d")


def key(policy: UploadPolicy, *, owner: str = "alice", filename: str = "cat.png") -> str:
    return object_key(
        policy,
        file_id=ID,
        owner=owner,
        filename=filename,
        type="image/png",
        now=NOON,
        base_prefix="uploads",
    )


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (KeyStrategy.DATE, f"uploads/2026/11/21/{ID}.png"),
        (KeyStrategy.OWNER, f"uploads/{owner_folder('alice')}/{ID}.png"),
        (KeyStrategy.CATEGORY, f"uploads/image/{ID}.png"),
        (KeyStrategy.FLAT, f"uploads/{ID}.png"),
    ],
)
def test_strategies(strategy: KeyStrategy, expected: str) -> None:
    assert key(UploadPolicy(key_strategy=strategy)) == expected


def test_a_policys_prefix_follows_the_services() -> None:
    policy = UploadPolicy(key_strategy=KeyStrategy.FLAT, prefix="avatars/small")
    assert key(policy) == f"uploads/avatars/small/{ID}.png"


@given(owner=st.text(), filename=st.text(), strategy=st.sampled_from(KeyStrategy))
def test_no_client_text_enters_a_key(owner: str, filename: str, strategy: KeyStrategy) -> None:
    made = key(
        UploadPolicy(key_strategy=strategy),
        owner=owner.encode(errors="replace").decode(),
        filename=filename,
    )
    assert re.fullmatch(r"uploads/([a-z0-9]+/)*[0-9a-f-]{36}(\.[a-z0-9]{1,16})?", made)
