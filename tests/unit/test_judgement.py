"""What follows from facts about the surroundings that no test can arrange."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.judgement.connections import Demand, Room, judge_connections
from app.domain.judgement.queue import Queue, judge_queue, sending_policy
from app.domain.judgement.server import Server, judge_server, judge_transactions
from app.domain.judgement.wording import counted, said

LOCAL = Server(
    version=180001,
    version_name="18.1",
    address=None,
    encrypted=False,
    writable=True,
    encoding="UTF8",
    latency=timedelta(milliseconds=1),
)


def verdicts(server: Server) -> list[str]:
    return [finding.verdict.value for finding in judge_server(server)]


def test_a_server_of_this_machine() -> None:
    assert verdicts(LOCAL) == ["ok"]


@pytest.mark.parametrize(
    ("address", "encrypted", "verdict"),
    [
        ("127.0.0.1", False, []),
        ("::1", False, []),
        ("10.1.2.3", False, ["note"]),
        ("10.1.2.3", True, []),
        ("198.51.100.7", True, []),
        ("8.8.8.8", False, ["warning"]),
        ("2a00:1450::1", False, ["warning"]),
    ],
)
def test_a_way_that_others_can_listen_on(address: str, encrypted: bool, verdict: list[str]) -> None:
    server = replace(LOCAL, address=address, encrypted=encrypted)
    assert verdicts(server) == ["ok", *verdict]
    assert ("over TLS" in judge_server(server)[0].what) is encrypted


@pytest.mark.parametrize(
    ("milliseconds", "verdict"), [(19, []), (20, ["note"]), (99, ["note"]), (100, ["warning"])]
)
def test_a_server_that_is_far_away(milliseconds: int, verdict: list[str]) -> None:
    latency = timedelta(milliseconds=milliseconds)
    assert verdicts(replace(LOCAL, latency=latency)) == ["ok", *verdict]


@pytest.mark.parametrize(("version", "verdict"), [(120022, ["failure"]), (130000, [])])
def test_a_server_that_is_too_old(version: int, verdict: list[str]) -> None:
    assert verdicts(replace(LOCAL, version=version)) == ["ok", *verdict]


def test_a_transaction_that_is_too_old() -> None:
    for age, verdict in ((None, "ok"), (299, "ok"), (300, "warning")):
        oldest = None if age is None else timedelta(seconds=age)
        assert judge_transactions(oldest)[0].verdict.value == verdict


def test_the_narrowest_limit_is_what_counts() -> None:
    room = Room(max_connections=100, reserved=3, in_use=5)
    assert room.allowed == 97
    assert replace(room, role_limit=50, database_limit=40).allowed == 40
    assert replace(room, role_limit=0).allowed == 0


def test_pools_that_cannot_be_made_small_enough_need_more_connections() -> None:
    demand = Demand(api_processes=8, worker_processes=4, pool_size=10)
    assert demand.most == 8 * 11 + 4 * 16
    [finding] = judge_connections(Room(max_connections=35, reserved=3, in_use=5), demand)
    assert finding.remedy
    assert "SET max_connections = 155" in finding.remedy.command


def test_a_server_of_which_nine_tenths_are_taken() -> None:
    demand = Demand(api_processes=1, worker_processes=1, pool_size=1)
    for in_use, verdict in ((87, "ok"), (88, "warning")):
        room = Room(max_connections=100, reserved=3, in_use=in_use)
        assert judge_connections(room, demand)[0].verdict.value == verdict


@pytest.mark.parametrize(
    ("region", "verdict"), [("eu-west-1", "ok"), ("us-east-1", "warning"), ("", "ok")]
)
def test_a_queue_of_another_region_gets_no_events(region: str, verdict: str) -> None:
    arn = f"arn:aws:sqs:{region}:123456789012:slipway"
    policy = sending_policy(arn, "files")
    queue = Queue(arn=arn, waiting=0, hidden=0, policy=policy, max_receives=20, dead=0)
    findings = judge_queue(queue, bucket="files", region="eu-west-1")
    assert findings[-1].verdict.value == verdict
    assert len(findings) == (1 if verdict == "ok" else 2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_spans_of_time(seconds: int, text: str) -> None:
    assert said(timedelta(seconds=seconds)) == text


def test_counts() -> None:
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
