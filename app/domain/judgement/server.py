"""Whether a PostgreSQL is one that the service can work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from app.domain.diagnosis import Finding, Remedy, Verdict, failure, note, ok, warning

OLDEST = 13
"""xid8 and gen_random_uuid: https://www.postgresql.org/docs/release/13.0/"""

SLOW, VERY_SLOW = timedelta(milliseconds=20), timedelta(milliseconds=100)
"""For one question and its answer. A call of the API asks one to three."""

OLD_TRANSACTIONS = 1_000_000_000
"""Transactions since rows were last frozen: autovacuum begins at 200 million, the server refuses
writes at some 2,000: https://www.postgresql.org/docs/18/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND"""

LONG = timedelta(minutes=5)
"""For a transaction that has written something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What a connection says of the server. `address` is None for a socket of this machine;
    `version` as PostgreSQL counts, 180001; `latency` that of one question."""

    version: int
    version_name: str
    address: str | None
    encrypted: bool
    writable: bool
    encoding: str
    latency: timedelta

    @property
    def way(self) -> str:
        if self.address is None:
            return "over a socket of this machine"
        return "over TLS" if self.encrypted else "without TLS"


def judge_server(server: Server) -> list[Finding]:
    problems = [
        _judge_version(server),
        _judge_writing(server),
        _judge_encoding(server),
        _judge_latency(server.latency),
        _judge_secrecy(server),
    ]
    milliseconds = server.latency.total_seconds() * 1000
    said = f"PostgreSQL {server.version_name} answers in {milliseconds:.1f} ms, {server.way}."
    return [ok(said), *filter(None, problems)]


def _judge_version(server: Server) -> Finding | None:
    if server.version >= OLDEST * 10_000:
        return None
    return failure(
        f"PostgreSQL {server.version_name} is older than {OLDEST}.",
        why="Migrations and statements use what came with that release.",
        remedy=Remedy(text="Upgrade the server (pg_upgrade), or use a newer one."),
    )


def _judge_writing(server: Server) -> Finding | None:
    if server.writable:
        return None
    return failure(
        "The server takes no writes: it is a standby, or transactions are read-only there.",
        why="Every permission to upload is written down before it is given.",
        remedy=Remedy(
            text="Let DATABASE_URL lead to the primary; several hosts may be listed.",
            command="DATABASE_URL='postgresql://…@one,two/slipway?target_session_attrs=read-write'",
        ),
    )


def _judge_encoding(server: Server) -> Finding | None:
    if server.encoding == "UTF8":
        return None
    return failure(
        f"The database is encoded in {server.encoding}.",
        why="Names of files in other scripts are refused by it.",
        remedy=Remedy(
            text="Create another one, and move the rows there (pg_dump).",
            command="createdb --encoding=UTF8 --template=template0 slipway",
        ),
    )


def _judge_latency(latency: timedelta) -> Finding | None:
    if latency < SLOW:
        return None
    what = f"A question to the database takes {latency.total_seconds() * 1000:.0f} ms."
    why = "Each call of the API waits for one to three answers."
    remedy = Remedy(text="Run the service beside the database: in its region, in its zone.")
    if latency < VERY_SLOW:
        return note(what, why, remedy)
    return warning(what, why=why, remedy=remedy)


def _judge_secrecy(server: Server) -> Finding | None:
    if server.encrypted or server.address is None:
        return None
    address = ip_address(server.address)
    if address.is_loopback:
        return None
    what = f"What goes to the database at {address} is not encrypted."
    why = "Names of owners and files can be read on the way, and changed."
    remedy = Remedy(
        text="Demand TLS, and have the certificate verified.",
        command="DATABASE_URL='postgresql://…?sslmode=verify-full'",
    )
    if address.is_private:
        return note(what, why, remedy)
    return warning(what, why=why, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Harm:
    name: str
    value: str
    verdict: Verdict
    why: str
    better: str

    @property
    def finding(self) -> Finding:
        change = f"ALTER SYSTEM SET {self.name} = '{self.better}'"
        return Finding(
            verdict=self.verdict,
            what=f"{self.name} is {self.value}.",
            why=self.why,
            remedy=Remedy(
                text="Set it, unless the database, the role or DATABASE_URL set it for themselves: "
                "then there.",
                command=f'psql -c "{change}" -c "SELECT pg_reload_conf()"',
            ),
        )


_TORN = "After a crash of the machine the database may be damaged, and what was committed lost."
_HARMS = (
    _Harm(name="fsync", value="off", verdict=Verdict.FAILURE, why=_TORN, better="on"),
    _Harm(name="full_page_writes", value="off", verdict=Verdict.FAILURE, why=_TORN, better="on"),
    _Harm(
        name="autovacuum",
        value="off",
        verdict=Verdict.WARNING,
        why="Every move of a file leaves dead rows; tables and indexes grow without end.",
        better="on",
    ),
    _Harm(
        name="default_transaction_isolation",
        value="repeatable read",
        verdict=Verdict.WARNING,
        why="Two at the same file then make each other fail, where one would only wait.",
        better="read committed",
    ),
    _Harm(
        name="default_transaction_isolation",
        value="serializable",
        verdict=Verdict.WARNING,
        why="Two at the same file then make each other fail, where one would only wait.",
        better="read committed",
    ),
    _Harm(
        name="synchronous_commit",
        value="off",
        verdict=Verdict.NOTE,
        why="What was answered in the last moments before a crash of the server may be lost.",
        better="on",
    ),
)
"""https://www.postgresql.org/docs/18/runtime-config-wal.html"""

SETTINGS = tuple(sorted({harm.name for harm in _HARMS}))
"""Names of the settings that are looked at."""


def judge_settings(values: Mapping[str, str], unfrozen: int) -> list[Finding]:
    """Of SETTINGS, as a session of the service has them; `unfrozen` counts the transactions since
    the rows of the oldest database were frozen."""
    found = [harm.finding for harm in _HARMS if values.get(harm.name) == harm.value]
    if unfrozen >= OLD_TRANSACTIONS:
        found.append(_unfrozen(unfrozen))
    return found or [ok("None of those that are looked at does harm.")]


def _unfrozen(transactions: int) -> Finding:
    return warning(
        f"Rows were last frozen {transactions} transactions ago.",
        why="At some 2,000,000,000 the server refuses all writes.",
        remedy=Remedy(
            text="See why autovacuum does not come through (an old transaction, a replication "
            "slot), and vacuum.",
            command="vacuumdb --all --freeze",
        ),
    )


def judge_transactions(oldest: timedelta | None, longest: timedelta = LONG) -> list[Finding]:
    """Of the oldest transaction on the server that has written and not ended, if there is one."""
    if oldest is None or oldest < longest:
        return [ok("None holds back what streams tell.")]
    return [
        warning(
            f"A transaction that has written is open for {round(oldest.total_seconds())} s.",
            why="Until it ends, streams of live status tell nothing, and dead rows stay.",
            remedy=Remedy(
                text="Find whose it is, and end it; a prepared one by ROLLBACK PREPARED.",
                command='psql -c "SELECT pid, usename, datname, xact_start FROM pg_stat_activity '
                'WHERE backend_xid IS NOT NULL ORDER BY xact_start" '
                '-c "SELECT * FROM pg_prepared_xacts"',
            ),
        )
    ]
