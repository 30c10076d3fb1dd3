"""The state machine: every pair of states, every scope."""

import dataclasses
from itertools import product

import pytest

from app.domain.file import FileStatus, Move, plan_move
from app.domain.principal import Principal, Scope
from app.domain.transition import moved, steps
from app.exceptions.errors import Forbidden, IllegalTransition
from tests.support.records import NOON, a_record

P, U, R, C, F = FileStatus
WRITER = Principal("alice", frozenset({Scope.WRITE}))
PROCESSOR = Principal("alice", frozenset({Scope.PROCESS}))

# The table of the wire contract, written out once more: who may, and whether the store is asked.
TABLE = {
    (P, U): (WRITER, Move.VERIFY),
    (P, C): (WRITER, Move.VERIFY),
    (P, F): (WRITER, Move.RECORD),
    (U, R): (PROCESSOR, Move.RECORD),
    (U, C): (WRITER, Move.VERIFY),
    (U, F): (WRITER, Move.RECORD),
    (R, C): (PROCESSOR, Move.VERIFY),
    (R, F): (PROCESSOR, Move.RECORD),
}


@pytest.mark.parametrize(("current", "target"), list(product(FileStatus, FileStatus)))
@pytest.mark.parametrize("principal", [WRITER, PROCESSOR], ids=["writer", "processor"])
def test_every_pair(current: FileStatus, target: FileStatus, principal: Principal) -> None:
    if current is target:
        assert plan_move(current, target, principal) is Move.NOTHING
    elif (current, target) not in TABLE:
        with pytest.raises(IllegalTransition) as caught:
            plan_move(current, target, principal)
        assert caught.value.extra == {"from": current, "to": target}
    elif TABLE[current, target][0] is principal:
        assert plan_move(current, target, principal) is TABLE[current, target][1]
    else:
        with pytest.raises(Forbidden, match="scope files:"):
            plan_move(current, target, principal)


def test_a_pending_file_passes_through_uploaded() -> None:
    assert steps(P, C) == (U, C)
    assert steps(U, C) == (C,)


def test_a_move_stamps_each_state_and_tells_of_each_step() -> None:
    record = dataclasses.replace(a_record(), etag="abc", observed_size=5)
    after, events = moved(record, (U, C), "user:alice", NOON)

    assert (after.status, after.uploaded_at, after.completed_at) == (C, NOON, NOON)
    assert [(e.from_status, e.to_status) for e in events] == [(P, U), (U, C)]
    assert events[0].detail == {"observed_size": 5, "etag": "abc"}


def test_a_reason_is_kept() -> None:
    after, events = moved(a_record(), (F,), "user:alice", NOON, "gave up")

    assert (after.status_reason, after.failed_at) == ("gave up", NOON)
    assert events[0].detail == {"reason": "gave up"}
