"""Where the keys of the store come from, and how long they live."""

import asyncio
from datetime import datetime, timedelta

from app.domain.diagnosis import Finding, Remedy, failure, note, ok, warning
from app.exceptions.errors import StorageUnavailable
from app.infrastructure.diagnosis.store import StoreAccess
from app.infrastructure.storage.credentials import SigningCredentials, read_credentials
from app.infrastructure.storage.failures import FAILURES
from app.infrastructure.storage.rotation import RENEW_BEFORE_END

_SOURCES = {
    "explicit": "S3_ACCESS_KEY and S3_SECRET_KEY",
    "env": "the environment (AWS_ACCESS_KEY_ID)",
    "shared-credentials-file": "the shared credentials file",
    "config-file": "the AWS configuration file",
    "assume-role": "a role that is assumed",
    "assume-role-with-web-identity": "a role by web identity (IRSA)",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
    "sso": "single sign-on",
}
"""botocore's names of its providers:
https://github.com/boto/botocore/blob/develop/botocore/credentials.py"""

_WHY = "Every URL that is handed out is signed with them."
_GIVE = Remedy(
    text="Give the process a role, or set both keys in its environment or its SECRETS_DIR.",
    command="S3_ACCESS_KEY=…\nS3_SECRET_KEY=…",
)
_LASTING = Remedy(
    text="Give the process a role, which boto3 renews by itself, or keys that do not expire."
)


async def examine_credentials(access: StoreAccess) -> list[Finding]:
    """The chain's method by name, never a key."""
    half_set = _half_set(access)
    if half_set:
        return [half_set]
    try:
        source, keys = await asyncio.to_thread(_read, access)
    except StorageUnavailable as error:
        return [failure(error.detail, why=_WHY, remedy=_GIVE)]
    except FAILURES as error:
        what = f"The credentials cannot be had ({type(error).__name__})."
        text = "Mend the profile or role that the process is given (AWS_PROFILE, AWS_ROLE_ARN)."
        return [failure(what, why=_WHY, remedy=Remedy(text=text))]
    return _judge(source, keys, access.clock(), access.settings.presign_expires_in)


def _half_set(access: StoreAccess) -> Finding | None:
    settings = access.settings
    if (settings.s3_access_key is None) == (settings.s3_secret_key is None):
        return None
    there, missing = ("S3_ACCESS_KEY", "S3_SECRET_KEY")
    if settings.s3_access_key is None:
        there, missing = missing, there
    return failure(f"{there} is set and {missing} is not.", why=_WHY, remedy=_GIVE)


def _read(access: StoreAccess) -> tuple[str, SigningCredentials]:
    source = access.session.get_credentials()
    keys = read_credentials(source)
    method = str(getattr(source, "method", ""))
    return _SOURCES.get(method, method), keys


def _judge(source: str, keys: SigningCredentials, now: datetime, expires_in: int) -> list[Finding]:
    if keys.expires_at is None and keys.token is not None:
        return [
            warning(
                f"From {source}: keys of a session, of which nobody knows the end.",
                why="They end within hours, nothing renews them, and then nothing can be uploaded.",
                remedy=_LASTING,
            )
        ]
    if keys.expires_at is None:
        return [ok(f"From {source}; they do not expire.")]
    left = keys.expires_at - now
    said = ok(f"From {source}; these end in {_minutes(left)} and are renewed before.")
    if timedelta(seconds=expires_in) <= RENEW_BEFORE_END:
        return [said]
    return [
        said,
        note(
            f"A URL may end before PRESIGN_EXPIRES_IN ({expires_in} s): it ends with the keys.",
            "A URL dies with the session that signed it; `expires_at` always says when.",
        ),
    ]


def _minutes(left: timedelta) -> str:
    return f"{max(0, int(left.total_seconds() // 60))} min"
