"""The checks of the settings and of what they lead to, besides store and database."""

from functools import partial

from app.domain.diagnosis import Check
from app.infrastructure.diagnosis.consistency import examine_consistency
from app.infrastructure.diagnosis.data_dir import examine_data_dir
from app.infrastructure.diagnosis.event_queue import examine_queue
from app.infrastructure.diagnosis.identity_provider import examine_identity_provider
from app.infrastructure.diagnosis.notifications import examine_notifications
from app.infrastructure.diagnosis.rate_limit_store import examine_rate_limit_store
from app.infrastructure.diagnosis.store import StoreAccess
from app.settings import Settings

SETTINGS = ("settings",)


def settings_checks(settings: Settings) -> list[Check]:
    """Of the settings themselves; they need the check `settings`."""
    return [
        Check(
            name="consistency",
            title="Settings together",
            needs=SETTINGS,
            examine=partial(examine_consistency, settings),
        ),
        Check(
            name="data-dir",
            title="Data directory",
            examine=partial(examine_data_dir, settings),
        ),
    ]


def helper_checks(settings: Settings, access: StoreAccess) -> list[Check]:
    """Of what the service calls besides store and database; they need `settings` and `bucket`."""
    return [
        Check(name="queue", title="Event queue", examine=partial(examine_queue, settings)),
        Check(
            name="notifications",
            title="Bucket notifications",
            needs=("bucket", "queue"),
            examine=partial(examine_notifications, access),
        ),
        Check(
            name="identity-provider",
            title="Identity provider",
            needs=SETTINGS,
            examine=partial(examine_identity_provider, settings),
        ),
        Check(
            name="rate-limits",
            title="Rate limits",
            needs=SETTINGS,
            examine=partial(examine_rate_limit_store, settings),
        ),
    ]
