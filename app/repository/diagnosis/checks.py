"""The checks of the database, in the order of the report."""

from collections.abc import Sequence
from functools import partial

from app.domain.diagnosis import Check, Fix
from app.repository.diagnosis.access import DatabaseAccess
from app.repository.diagnosis.migrations import examine_migrations, migrate
from app.repository.diagnosis.reach import examine_database
from app.repository.diagnosis.server import (
    examine_connections,
    examine_settings,
    examine_transactions,
)
from app.repository.diagnosis.telling import examine_events, examine_webhooks
from app.repository.diagnosis.work import examine_jobs, examine_sweeps, examine_workers

DATABASE, MIGRATIONS = ("database",), ("migrations",)


def database_checks(
    access: DatabaseAccess,
    *,
    production: bool,
    api_processes: int,
    pool_size: int,
    event_ways: Sequence[str],
) -> list[Check]:
    """`event_ways` names the settings that let bucket events in."""
    connections = partial(
        examine_connections, access, api_processes=api_processes, pool_size=pool_size
    )
    workers = partial(examine_workers, access, production=production)
    return [
        Check(name="database", title="Database", examine=partial(examine_database, access)),
        Check(
            name="migrations",
            title="Migrations",
            needs=DATABASE,
            examine=partial(examine_migrations, access),
            fix=Fix("apply the missing migrations", partial(migrate, access)),
        ),
        Check(
            name="server",
            title="PostgreSQL's settings",
            needs=DATABASE,
            examine=partial(examine_settings, access),
        ),
        Check(
            name="transactions",
            title="Long transactions",
            needs=DATABASE,
            examine=partial(examine_transactions, access),
        ),
        Check(name="connections", title="Connections", needs=MIGRATIONS, examine=connections),
        Check(name="worker", title="Workers", needs=MIGRATIONS, examine=workers),
        Check(name="jobs", title="Jobs", needs=MIGRATIONS, examine=partial(examine_jobs, access)),
        Check(
            name="sweeps",
            title="Sweeps",
            needs=("worker",),
            examine=partial(examine_sweeps, access),
        ),
        Check(
            name="events",
            title="Bucket events",
            needs=MIGRATIONS,
            examine=partial(examine_events, access, ways=event_ways),
        ),
        Check(
            name="webhooks",
            title="Webhooks",
            needs=MIGRATIONS,
            examine=partial(examine_webhooks, access),
        ),
    ]
