"""The checks of the store, in the order of the report."""

from functools import partial

from app.domain.diagnosis import Check
from app.infrastructure.diagnosis.clock import examine_clock
from app.infrastructure.diagnosis.credentials import examine_credentials
from app.infrastructure.diagnosis.store import StoreAccess
from app.settings import Settings


def store_checks(settings: Settings, access: StoreAccess) -> list[Check]:
    """Each asks the store by `access`."""
    return [
        Check(
            name="credentials",
            title="Credentials of the store",
            examine=partial(examine_credentials, access),
        ),
        Check(name="clock", title="Clock", examine=partial(examine_clock, access)),
    ]
