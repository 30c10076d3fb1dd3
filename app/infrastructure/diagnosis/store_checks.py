"""The checks of the store, in the order of the report."""

from collections.abc import Awaitable, Callable
from functools import partial

from app.domain.diagnosis import Check, Finding, Fix
from app.infrastructure.diagnosis.bucket import create, examine_bucket
from app.infrastructure.diagnosis.clock import examine_clock
from app.infrastructure.diagnosis.cors import examine_cors, set_cors
from app.infrastructure.diagnosis.credentials import examine_credentials
from app.infrastructure.diagnosis.enforcement import examine_enforcement
from app.infrastructure.diagnosis.lifecycle import examine_lifecycle, set_lifecycle
from app.infrastructure.diagnosis.permissions import examine_permissions
from app.infrastructure.diagnosis.protection import (
    examine_encryption,
    examine_public_access,
    examine_versioning,
)
from app.infrastructure.diagnosis.round_trip import examine_round_trip
from app.infrastructure.diagnosis.store import NotTold, StoreAccess

Examine = Callable[[StoreAccess], Awaitable[list[Finding]]]


def store_checks(access: StoreAccess) -> list[Check]:
    """Each asks the store by `access`."""

    def check(
        name: str, title: str, examine: Examine, *needs: str, fix: Fix | None = None
    ) -> Check:
        told = partial(_told, examine, access)
        return Check(name=name, title=title, examine=told, needs=needs, fix=fix)

    create_it = Fix("create the bucket", partial(create, access))
    set_rules = Fix("set CORS rules for CORS_ORIGINS, keeping others", partial(set_cors, access))
    set_days = Fix("set a lifecycle rule, keeping others", partial(set_lifecycle, access))
    bucket, rights, trip = "bucket", "permissions", "round-trip"
    return [
        check("credentials", "Credentials", examine_credentials),
        check("clock", "Clock", examine_clock),
        check(bucket, "Bucket", examine_bucket, "credentials", "clock", fix=create_it),
        check(rights, "Permissions", examine_permissions, bucket),
        check(trip, "Round trip", examine_round_trip, rights),
        check("enforcement", "Enforcement", examine_enforcement, trip),
        check("cors", "CORS", examine_cors, rights, fix=set_rules),
        check("lifecycle", "Unfinished uploads", examine_lifecycle, bucket, fix=set_days),
        check("public-access", "Public access", examine_public_access, rights),
        check("versioning", "Versioning", examine_versioning, bucket),
        check("encryption", "Encryption", examine_encryption, bucket),
    ]


async def _told(examine: Examine, access: StoreAccess) -> list[Finding]:
    try:
        return await examine(access)
    except NotTold as error:
        return [error.finding]
