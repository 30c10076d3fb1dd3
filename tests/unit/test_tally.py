"""Two sets of ids compared without keeping either."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import tally as module
from app.domain.tally import Tally

IDS = st.sets(st.builds(uuid4), max_size=40)


@pytest.fixture(autouse=True, scope="module")
def _small() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BUCKETS", 16)
        yield


@given(IDS, st.randoms())
def test_equal_sets_are_even_in_whatever_order(ids: set[UUID], random) -> None:
    tally, shuffled = Tally(), list(ids)
    random.shuffle(shuffled)
    tally.remove(shuffled[::2])
    tally.add(ids)
    tally.remove(shuffled[1::2])
    assert tally.is_even()
    assert not any(map(tally.suspects, ids))


@given(IDS, IDS, IDS)
def test_every_difference_is_suspected(both: set[UUID], left: set[UUID], right: set[UUID]) -> None:
    tally = Tally()
    tally.add(both | left)
    tally.remove(both | right)
    assert all(map(tally.suspects, left | right))
    assert tally.is_even() == (not left | right)
