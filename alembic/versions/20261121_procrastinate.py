"""Create procrastinate's tables, types and functions: the queue of the worker

The SQL is procrastinate's own of that release. A test compares it with the installed one; when
they differ, add a migration with the SQL that the newer release ships for the way from here.
https://procrastinate.readthedocs.io/en/stable/howto/production/migrations.html
"""

import re
from pathlib import Path
from typing import cast

from sqlalchemy import AdaptedConnection

from alembic import op

revision = "20261121_04"
down_revision = "20261121_03"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "procrastinate_3_10.sql"


def upgrade() -> None:
    """By asyncpg itself, which takes many statements at once; SQLAlchemy would prepare them."""
    statements = SQL.read_text(encoding="utf-8")
    connection = cast(AdaptedConnection, op.get_bind().connection.dbapi_connection)
    connection.run_async(lambda driver: driver.execute(statements))
    # Failed jobs stay, and are counted at every scrape.
    op.execute(
        "CREATE INDEX ix_procrastinate_jobs_failed ON procrastinate_jobs (id)"
        " WHERE status = 'failed'"
    )


def downgrade() -> None:
    for kind in ("FUNCTION", "TABLE", "TYPE"):
        names = re.findall(rf"^CREATE {kind} (\w+)", SQL.read_text(encoding="utf-8"), re.MULTILINE)
        op.execute(f"DROP {kind} {', '.join(names)} CASCADE")
