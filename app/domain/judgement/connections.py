"""Whether PostgreSQL has room for all the connections that the processes may open."""

from dataclasses import dataclass

from app.domain.diagnosis import Finding, Remedy, ok, warning

BESIDE_THE_POOL = 1
"""Connections of an API process besides its pool: the one that listens while there are streams."""

BESIDE_THE_POOL_OF_A_WORKER = 6
"""Likewise of a worker: the pool of its queue with one that listens, and one for the webhooks."""

NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Processes of this installation that are known of, and the pool of each."""

    api_processes: int
    worker_processes: int
    pool_size: int

    @property
    def most(self) -> int:
        """Connections that they may have at once."""
        return self._with(self.pool_size)

    def pool_that_fits(self, room: int) -> int:
        """The largest DATABASE_POOL_SIZE that needs no more than `room`; 0 or less for none."""
        return (room - self._with(0)) // (self.api_processes + self.worker_processes)

    def _with(self, pool_size: int) -> int:
        api = self.api_processes * (pool_size + BESIDE_THE_POOL)
        return api + self.worker_processes * (pool_size + BESIDE_THE_POOL_OF_A_WORKER)

    def __str__(self) -> str:
        return (
            f"{self.api_processes} × ({self.pool_size} + {BESIDE_THE_POOL}) for the API and "
            f"{self.worker_processes} × ({self.pool_size} + {BESIDE_THE_POOL_OF_A_WORKER}) "
            "for workers"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the server allows. The limits of the role and of the database are None where there
    are none; `reserved` is not for us; `in_use` counts everybody's."""

    max_connections: int
    reserved: int
    in_use: int
    role_limit: int | None = None
    database_limit: int | None = None

    @property
    def allowed(self) -> int:
        limits = (self.max_connections - self.reserved, self.role_limit, self.database_limit)
        return min(limit for limit in limits if limit is not None)


def judge_connections(room: Room, demand: Demand) -> list[Finding]:
    found = []
    if demand.most > room.allowed:
        found.append(_too_many(room, demand))
    if room.in_use >= NEARLY_ALL * (room.max_connections - room.reserved):
        found.append(_nearly_full(room))
    said = f"At most {demand.most} of the {room.allowed} that are allowed; {room.in_use} in use."
    return found or [ok(said)]


def _too_many(room: Room, demand: Demand) -> Finding:
    fitting = demand.pool_that_fits(room.allowed)
    raised = demand.most + room.reserved
    command = (
        f"DATABASE_POOL_SIZE={fitting}"
        if fitting > 0
        else f'psql -c "ALTER SYSTEM SET max_connections = {raised}"'
    )
    return warning(
        f"Up to {demand.most} connections may be wanted ({demand}), and {room.allowed} are allowed "
        f"(max_connections {room.max_connections}, {room.reserved} of them reserved).",
        why="Under load calls are then refused as 503 database_unavailable, and migrations too.",
        remedy=Remedy(
            text="Make the pools smaller, or raise max_connections (it takes a restart) or the "
            "limit of the role or database that is below it.",
            command=command,
        ),
    )


def _nearly_full(room: Room) -> Finding:
    return warning(
        f"{room.in_use} of {room.max_connections} connections are in use, whoever has them.",
        why="The next ones are refused, ours among them.",
        remedy=Remedy(
            text="See whose they are.",
            command='psql -c "SELECT usename, application_name, count(*) FROM pg_stat_activity '
            'GROUP BY 1, 2 ORDER BY 3 DESC"',
        ),
    )
