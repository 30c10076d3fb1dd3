"""What is done once a process, in which the tests open and close a thousand applications."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

from app import main


@pytest.fixture(scope="session", autouse=True)
def _exempt_once() -> Iterator[None]:
    """What an application exempts from collection stays; each would leave 20 MB behind."""
    main._exempt_what_stays()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "_exempt_what_stays", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _load_once() -> Iterator[None]:
    """botocore's descriptions of AWS, 10 MB of JSON that each session would load anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield
