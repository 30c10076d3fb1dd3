"""Whether the database answers, what answers, and why not."""

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import asyncpg

from app.database.engine import Connection
from app.domain.diagnosis import Finding, Remedy, failure
from app.domain.judgement.server import Server, judge_server
from app.exceptions.errors import DatabaseUnavailable
from app.repository.diagnosis.access import DatabaseAccess

PINGS = 5
"""Questions by which the latency is measured: that of the fastest, as this process is busy."""

_SERVER = """
SELECT current_setting('server_version_num')::int AS version,
    current_setting('server_version') AS version_name,
    host(inet_server_addr()) AS address,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
    NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
    current_setting('server_encoding') AS encoding
"""

_WHY = "Nothing is permitted, reported or found while the database is away."


@dataclass(frozen=True, slots=True)
class _Cause:
    what: str
    remedy: str
    command: str = ""

    def finding(self, **known: str) -> Finding:
        remedy = Remedy(text=self.remedy, command=self.command.format(**known))
        return failure(self.what.format(**known), why=_WHY, remedy=remedy)


_UNREADABLE = _Cause(
    "DATABASE_URL cannot be read.",
    "Write it as below, special characters of the password percent-encoded.",
    "DATABASE_URL=postgresql://user:password@host:5432/database",
)
_OTHER = _Cause(
    "The database does not answer ({kind}).",
    "See the server's log, and whether this machine reaches it.",
    "pg_isready --dbname={database}",
)

# https://www.postgresql.org/docs/18/errcodes-appendix.html
_BY_STATE = {
    "28P01": _Cause(
        "The server refuses the user or the password.",
        "Mend DATABASE_URL; special characters of the password are percent-encoded.",
    ),
    "28000": _Cause(
        "The server does not let this user in from here.",
        "Let it in (pg_hba.conf), or use TLS if it is that which the server demands.",
        "DATABASE_URL='postgresql://…?sslmode=require'",
    ),
    "3D000": _Cause(
        "There is no database {database} on that server.",
        "Create it and migrate it, or name the right one in DATABASE_URL.",
        "createdb {database}\npython -m app migrate",
    ),
    "42501": _Cause(
        "The user may not connect to the database {database}.",
        "Grant it that.",
        'psql -c "GRANT CONNECT ON DATABASE {database} TO …"',
    ),
    "53300": _Cause(
        "The server has no connection left.",
        "See whose they are; raise max_connections, or make the pools smaller.",
        'psql -c "SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2"',
    ),
    "57P03": _Cause(
        "The server is starting, stopping or recovering.",
        "Wait for it; its log says how far it is.",
    ),
}

_BY_TYPE: tuple[tuple[type[BaseException], _Cause], ...] = (
    (socket.gaierror, _Cause("The host's name is not known to DNS.", "Mend it in DATABASE_URL.")),
    (
        ssl.SSLError,
        _Cause(
            "TLS with the server fails: its certificate is not trusted, or not for that name.",
            "Give its authority (?sslrootcert=…), and the name that the certificate has.",
        ),
    ),
    (
        TimeoutError,
        _Cause(
            "The server does not answer in time.",
            "See whether a firewall drops what goes there, and how busy the server is.",
        ),
    ),
    (
        ConnectionRefusedError,
        _Cause(
            "Nothing listens at that address.",
            "Start the server, let it listen there (listen_addresses), or mend DATABASE_URL.",
        ),
    ),
    (
        FileNotFoundError,
        _Cause("There is no such socket.", "Start the server, or mend DATABASE_URL."),
    ),
    (
        ConnectionError,
        _Cause(
            "The server breaks off, or does not speak TLS and sslmode demands it.",
            "See the server's log; let it speak TLS (ssl = on), or mend sslmode in DATABASE_URL.",
        ),
    ),
)


async def examine_database(access: DatabaseAccess) -> list[Finding]:
    try:
        return judge_server(await access.ask(_describe))
    except (DatabaseUnavailable, asyncpg.PostgresError) as error:
        return [_explain(error.__cause__ or error, access.url)]
    except (ValueError, asyncpg.InterfaceError):
        return [_UNREADABLE.finding()]


async def _describe(connection: Connection) -> Server:
    row = await connection.fetchrow(_SERVER)
    assert row is not None, "a query without FROM has one row"  # noqa: S101
    seconds = [await _ping(connection) for _ in range(PINGS)]
    return Server(**dict(row), latency=timedelta(seconds=min(seconds)))


async def _ping(connection: Connection) -> float:
    started = time.perf_counter()
    await connection.execute("SELECT 1")
    return time.perf_counter() - started


def _explain(error: BaseException, url: str) -> Finding:
    """By what it is alone: its text may quote more than should be shown."""
    known = {"database": _name(url), "kind": type(error).__name__}
    cause = _BY_STATE.get(getattr(error, "sqlstate", None) or "")
    if cause is None:
        causes = (cause for kind, cause in _BY_TYPE if isinstance(error, kind))
        cause = next(causes, _OTHER)
    return cause.finding(**known)


def _name(url: str) -> str:
    """Of the database; as a shell takes it when it is a plain name, as they are."""
    name = unquote(urlsplit(url).path.strip("/"))
    return name if name.replace("_", "").replace("-", "").isalnum() else "slipway"
