"""The tables. Times are `timestamptz`, sizes bytes; docs/adr/0011 says what each index is for.

A change here needs a migration (`alembic revision --autogenerate`): a test holds them equal.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import ormar
from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    UniqueConstraint,
    false,
    text,
)

from app.database.binding import models_database
from app.database.fields import jsonb_field, utc_field, uuid_field, xid8_field
from app.database.triggers import name_owner_of_changes
from app.domain.checksum import ChecksumAlgorithm, ChecksumType
from app.domain.file import FileStatus, UploadMethod
from app.domain.webhook import DeliveryStatus

# Names that migrations can refer to; https://alembic.sqlalchemy.org/en/latest/naming.html
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
_base = ormar.OrmarConfig(metadata=metadata, database=models_database)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _index(*columns: str, where: str | None = None, name: str | None = None) -> Any:
    # ormar's annotation forgets indexes
    return Index(name, *columns, postgresql_where=None if where is None else text(where))


_LISTED = "deleted_at IS NULL"
_DELETED = "deleted_at IS NOT NULL"
_PENDING = "status = 'pending'"
MOVES = "from_status IS NOT NULL OR event = 'deleted'"
"""Which lines of the audit trail tell of a change that somebody may wait for."""
TROUBLED = "disabled_at IS NOT NULL OR failing_since IS NOT NULL"
"""Which webhooks are told nothing, or could not be told the last time."""


class FileModel(ormar.Model):
    """`files`: one row per `FileRecord`, its checksum in two columns."""

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="files",
        constraints=[
            _one_of("status", FileStatus),
            _one_of("method", UploadMethod),
            _one_of("checksum_algorithm", ChecksumAlgorithm),
            CheckConstraint(
                "(checksum_algorithm IS NULL) = (checksum_value IS NULL)", name="checksum"
            ),
            _one_of("checksum_type", ChecksumType),
            CheckConstraint("file_size >= 0", name="file_size"),
            CheckConstraint("part_size IS NULL OR method = 'multipart'", name="part_size"),
            _index("owner", "id", where=_LISTED),
            _index("owner", "status", "id", where=_LISTED),
            _index("owner", "policy", "id", where=_LISTED),
            _index("ends_at", "id", where=f"status = 'pending' AND {_LISTED}"),
            _index("remove_at", "id", where="remove_at IS NOT NULL"),
            _index("status", "id", where=_LISTED),
            _index("id", where=_DELETED, name="ix_files_deleted_id"),
            _index("owner", "id", where=_DELETED, name="ix_files_deleted_owner_id"),
        ],
    )

    id: UUID = uuid_field(primary_key=True)
    owner: str = ormar.Text()
    key: str = ormar.Text(unique=True)
    filename: str = ormar.Text()
    type: str = ormar.Text()
    file_size: int = ormar.BigInteger()
    method: str = ormar.Text()
    policy: str = ormar.Text()
    status: str = ormar.Text()
    created_at: datetime = utc_field()
    updated_at: datetime = utc_field()
    expires_at: datetime = utc_field()
    ends_at: datetime = utc_field()
    status_reason: str | None = ormar.Text(nullable=True)
    etag: str | None = ormar.Text(nullable=True)
    version_id: str | None = ormar.Text(nullable=True)
    observed_size: int | None = ormar.BigInteger(nullable=True)
    uploaded_at: datetime | None = utc_field(nullable=True)
    processing_at: datetime | None = utc_field(nullable=True)
    completed_at: datetime | None = utc_field(nullable=True)
    failed_at: datetime | None = utc_field(nullable=True)
    deleted_at: datetime | None = utc_field(nullable=True)
    remove_at: datetime | None = utc_field(nullable=True)
    part_size: int | None = ormar.BigInteger(nullable=True)
    upload_id: str | None = ormar.Text(nullable=True)
    checksum_type: str | None = ormar.Text(nullable=True)
    size_is_limit: bool = ormar.Boolean(nullable=False, server_default=false())
    metadata: dict[str, str] = jsonb_field()
    checksum_algorithm: str | None = ormar.Text(nullable=True)
    checksum_value: str | None = ormar.Text(nullable=True)


class FileEventModel(ormar.Model):
    """`file_events`: the audit trail of a file in the order of `id`.

    `xact` is the transaction that wrote the line; docs/adr/0021 says what it is for. `owner` is
    the file's, and stands in every line that MOVES finds.
    """

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="file_events",
        constraints=[
            ForeignKeyConstraint(["file_id"], ["files.id"]),
            _index("file_id", "id"),
            _index("xact", "id", where=MOVES),
            _index("owner", "xact", "id", where=MOVES),
        ],
    )

    id: int = ormar.BigInteger(primary_key=True, server_default=Identity(always=True))
    file_id: UUID = uuid_field()
    at: datetime = utc_field()
    actor: str = ormar.Text()
    event: str = ormar.Text()
    from_status: str | None = ormar.Text(nullable=True)
    to_status: str | None = ormar.Text(nullable=True)
    detail: dict[str, Any] = jsonb_field()
    xact: int = xid8_field(nullable=False, server_default=text("pg_current_xact_id()"))
    owner: str | None = ormar.Text(nullable=True)


name_owner_of_changes(
    FileEventModel.ormar_config.table, "NEW.from_status IS NOT NULL OR NEW.event = 'deleted'"
)


class IdempotencyKeyModel(ormar.Model):
    """`idempotency_keys`: the newest use of each owner's keys, and the files it created in order.

    The `id` is ormar's wish, which knows no composite primary key.
    """

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="idempotency_keys",
        constraints=[
            UniqueConstraint("owner", "key", name="uq_idempotency_keys_owner_key"),
            _index("used_at"),
        ],
    )

    id: int = ormar.BigInteger(primary_key=True, server_default=Identity(always=True))
    owner: str = ormar.Text()
    key: str = ormar.Text()
    fingerprint: str = ormar.Text()
    used_at: datetime = utc_field()
    file_ids: list[str] = jsonb_field()


class UsageModel(ormar.Model):
    """`usages`: what an owner holds; with `overridden`, the limits that are theirs alone.

    A limit of NULL is none. There is no row before an owner's first file or limits.
    """

    ormar_config = _base.copy(tablename="usages")  # type: ignore[pydantic-field]

    owner: str = ormar.Text(primary_key=True)
    used_files: int = ormar.BigInteger(nullable=False, server_default=text("0"))
    used_bytes: int = ormar.BigInteger(nullable=False, server_default=text("0"))
    reserved_files: int = ormar.BigInteger(nullable=False, server_default=text("0"))
    reserved_bytes: int = ormar.BigInteger(nullable=False, server_default=text("0"))
    overridden: bool = ormar.Boolean(nullable=False, server_default=false())
    max_files: int | None = ormar.BigInteger(nullable=True)
    max_bytes: int | None = ormar.BigInteger(nullable=True)
    max_in_flight_bytes: int | None = ormar.BigInteger(nullable=True)


class UploadTokenModel(ormar.Model):
    """`upload_tokens`: one row per `UploadToken`, which lets pages upload for `owner`."""

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="upload_tokens", constraints=[_index("expires_at")]
    )

    digest: str = ormar.Text(primary_key=True)
    owner: str = ormar.Text()
    policy: str = ormar.Text()
    max_size: int | None = ormar.BigInteger(nullable=True)
    expires_at: datetime = utc_field()


class ParkedEventModel(ormar.Model):
    """`parked_storage_events`: messages of the queue of bucket events that were put aside."""

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="parked_storage_events",
        constraints=[UniqueConstraint("message_id", name="uq_parked_storage_events_message_id")],
    )

    id: int = ormar.BigInteger(primary_key=True, server_default=Identity(always=True))
    message_id: str = ormar.Text()
    body: str = ormar.Text()
    reason: str = ormar.Text()
    parked_at: datetime = utc_field()


class WebhookModel(ormar.Model):
    """`webhooks`: one row per `Webhook`; the `events` of one that wants them all are NULL."""

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="webhooks",
        constraints=[
            _index("owner", "id"),
            _index("id", where=TROUBLED, name="ix_webhooks_troubled_id"),
        ],
    )

    id: UUID = uuid_field(primary_key=True)
    owner: str | None = ormar.Text(nullable=True)
    url: str = ormar.Text()
    secret: str = ormar.Text()
    created_at: datetime = utc_field()
    updated_at: datetime = utc_field()
    events: list[str] | None = jsonb_field(nullable=True)
    previous_secret: str | None = ormar.Text(nullable=True)
    previous_until: datetime | None = utc_field(nullable=True)
    failing_since: datetime | None = utc_field(nullable=True)
    disabled_at: datetime | None = utc_field(nullable=True)
    disabled_reason: str | None = ormar.Text(nullable=True)
    version: int = ormar.Integer()


class WebhookDeliveryModel(ormar.Model):
    """`webhook_deliveries`: one row per `Delivery`; `event_id` is the line of the audit trail it
    tells, NULL where it tells none. From `due_at` on a worker may claim it.

    Without foreign keys: what is left of a webhook that was removed goes with its age.
    """

    ormar_config = _base.copy(  # type: ignore[pydantic-field]
        tablename="webhook_deliveries",
        constraints=[
            _one_of("status", DeliveryStatus),
            UniqueConstraint("message_id", name="uq_webhook_deliveries_message_id"),
            _index("webhook_id", "id"),
            _index("webhook_id", "due_at", "id", where=_PENDING),
            _index("webhook_id", "file_id", "id", where=_PENDING),
            _index(
                "webhook_id",
                "id",
                where="error IS NOT NULL",
                name="ix_webhook_deliveries_erring_webhook_id_id",
            ),
        ],
    )

    id: int = ormar.BigInteger(primary_key=True, server_default=Identity(always=True))
    message_id: UUID = uuid_field(nullable=False, server_default=text("gen_random_uuid()"))
    webhook_id: UUID = uuid_field()
    event_id: int | None = ormar.BigInteger(nullable=True)
    file_id: UUID | None = uuid_field(nullable=True)
    event: str = ormar.Text()
    created_at: datetime = utc_field()
    status: str = ormar.Text(nullable=False, server_default=text("'pending'"))
    attempts: int = ormar.Integer(nullable=False, server_default=text("0"))
    attempted_at: datetime | None = utc_field(nullable=True)
    next_attempt_at: datetime | None = utc_field(nullable=True)
    due_at: datetime = utc_field(nullable=False, server_default=text("'-infinity'"))
    response_status: int | None = ormar.Integer(nullable=True)
    error: str | None = ormar.Text(nullable=True)
