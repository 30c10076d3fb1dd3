"""A DATABASE_URL means the same to the worker's driver as to the API's."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from app.database.engine import dsn
from app.worker.conninfo import libpq_url


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (
            "postgresql+asyncpg://me:p%40ss@db.internal:5433/files",
            {
                "user": "me",
                "password": "p@ss",
                "host": "db.internal",
                "port": "5433",
                "dbname": "files",
            },
        ),
        (
            "postgres://postgres@/slipway?host=/a dir/socket",
            {"user": "postgres", "dbname": "slipway", "host": "/a dir/socket"},
        ),
        (
            "postgresql://u@a,b/d?target_session_attrs=read-write&sslmode=verify-full",
            {
                "user": "u",
                "host": "a,b",
                "port": ",",  # of each its default
                "dbname": "d",
                "target_session_attrs": "read-write",
                "sslmode": "verify-full",
            },
        ),
        (
            "postgresql://u@h/d?search_path=a, b&jit=off",
            {
                "user": "u",
                "host": "h",
                "dbname": "d",
                "options": r"-c search_path=a,\ b -c jit=off",
            },
        ),
        ("postgresql://h?database=d", {"host": "h", "dbname": "d"}),
    ],
)
def test_it_means_the_same(url: str, meant: dict[str, str]) -> None:
    assert conninfo_to_dict(libpq_url(dsn(url))) == meant


def test_what_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="DATABASE_URL") as caught:
        libpq_url("postgresql://u:secret%zz@h/d")
    assert "secret" not in str(caught.value)
