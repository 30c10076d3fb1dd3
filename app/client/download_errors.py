"""What can go wrong with a download, beside what `app.client.errors` has.

ClientError
├── Exists        something is in the file's place already
├── BadTarget     nothing can be written there
├── NoSpace       it does not fit
├── Replaced      the store holds another object than the service verified
├── Corrupt       what arrived is not what was declared
├── Uncheckable   what was declared is of an algorithm that is not known here
├── Unranged      the store sends whole objects only
├── Stopped       another part of the download failed
└── StoreRefused
    └── NotServed the store does not hand the file out
"""

from app.client.errors import ClientError, StoreRefused


class Exists(ClientError):
    code = "target_exists"


class BadTarget(ClientError):
    code = "bad_target"


class NoSpace(ClientError):
    code = "no_space"


class Replaced(ClientError):
    code = "object_replaced"

    def __init__(self) -> None:
        super().__init__("the store holds another object than the one that the service verified")


class Corrupt(ClientError):
    code = "checksum_mismatch"


class Uncheckable(ClientError):
    code = "checksum_unknown"

    def __init__(self, algorithm: str) -> None:
        super().__init__(
            f"its checksum is of {algorithm!r}, which this version does not know: use a newer one, "
            "which goes on from what has arrived"
        )


class Unranged(ClientError):
    code = "no_ranges"

    def __init__(self) -> None:
        super().__init__("the store, or a proxy before it, sends whole objects and no ranges")


class Stopped(ClientError):
    code = "stopped"


class NotServed(StoreRefused):
    def __str__(self) -> str:
        reason = self.s3_code or "no reason given"
        return f"the store does not hand the file out: {reason} ({self.status})"
