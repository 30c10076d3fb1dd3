"""What the services ask of the outside world, one file for each port."""

from app.domain.ports.feed import ChangeFeed
from app.domain.ports.files import FileRepository, Found
from app.domain.ports.objects import (
    Assembly,
    Capabilities,
    ListedObject,
    ObservedObject,
    SignedParts,
    SignedRequest,
    UnfinishedUpload,
    UploadGone,
    UploadSpec,
)
from app.domain.ports.storage import ObjectStore, StoreListing
from app.domain.ports.usage import UsageRepository

__all__ = [
    "Assembly",
    "Capabilities",
    "ChangeFeed",
    "FileRepository",
    "Found",
    "ListedObject",
    "ObjectStore",
    "ObservedObject",
    "SignedParts",
    "SignedRequest",
    "StoreListing",
    "UnfinishedUpload",
    "UploadGone",
    "UploadSpec",
    "UsageRepository",
]
