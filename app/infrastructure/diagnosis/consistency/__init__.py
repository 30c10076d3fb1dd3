"""Settings that are each in order, and do not fit together.

What the service refuses to start with is not repeated here.
"""

from collections.abc import Callable, Iterator

from app.domain.diagnosis import Finding, ok
from app.infrastructure.diagnosis.consistency.browsers import (
    foreign_pages,
    mixed_content,
    origins,
    store_out_of_reach,
    store_without_tls,
)
from app.infrastructure.diagnosis.consistency.exposure import (
    development_for_others,
    open_webhooks,
    proxies,
    queue_without_tls,
    what_is_logged,
)
from app.infrastructure.diagnosis.consistency.limits import (
    counting,
    descriptors,
    impatience,
    lifetimes,
    sizes,
    store_profile,
)
from app.infrastructure.diagnosis.consistency.tokens import audience, issuer, keys
from app.settings import Settings

Rule = Callable[[Settings], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    origins,
    foreign_pages,
    mixed_content,
    store_without_tls,
    store_out_of_reach,
    proxies,
    development_for_others,
    open_webhooks,
    queue_without_tls,
    what_is_logged,
    keys,
    issuer,
    audience,
    sizes,
    lifetimes,
    store_profile,
    counting,
    impatience,
    descriptors,
)


async def examine_consistency(settings: Settings) -> list[Finding]:
    """Every rule, on settings with which the service starts."""
    found = [finding for rule in RULES for finding in rule(settings)]
    return found or [ok("They fit together.")]
