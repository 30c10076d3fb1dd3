"""What each provider can do, as its documentation states it or as a test measured it.

An instruction is given to a client only where the store is known to enforce it, so a fact that
nobody vouches for counts as absent. Sizes in bytes.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.domain.checksum import ChecksumAlgorithm
from app.domain.ports import Capabilities
from app.settings import Settings, StorageType

MIB = 1024**2
GIB = 1024**3
TIB = 1024**4

_EVERY_CHECKSUM = frozenset(ChecksumAlgorithm)

_FULL_OBJECT_CHECKSUMS = frozenset(
    {ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME}
)
"""Those that S3 can put together from the parts', so that the digests of SHA are not among them:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html"""

AWS = Capabilities(
    name="aws",
    # https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    post_form=True,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    write_once=True,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    checksums=_EVERY_CHECKSUM,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
    max_put_size=5 * GIB,
    # "48.8 TiB", which is 10,000 parts of 5 GiB and is announced as 50 TB:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    max_object_size=10_000 * 5 * GIB,
    # Full-object ones alone: where the checksum is composite, S3 refuses every part that comes
    # without its own, and a URL that signs only `host` cannot carry one:
    # https://github.com/versity/versitygw/issues/1342
    multipart_checksums=_FULL_OBJECT_CHECKSUMS,
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    multipart_write_once=True,
    virtual_hosts=True,
)

R2 = Capabilities(
    name="r2",
    # "POST, which performs uploads via native HTML forms, is not currently supported":
    # https://developers.cloudflare.com/r2/api/s3/presigned-urls/
    post_form=False,
    # https://developers.cloudflare.com/r2/api/s3/conditional-operations/
    write_once=True,
    # "S3 putObject now supports sha256 and sha1 checksums" (2023-06-16). The CRCs are listed as
    # checksum types, but nothing says that PutObject refuses a mismatch:
    # https://developers.cloudflare.com/r2/platform/release-notes/
    checksums=frozenset({ChecksumAlgorithm.SHA256, ChecksumAlgorithm.SHA1}),
    # 5 MiB less than 5 GiB and 5 GiB less than 5 TiB:
    # https://developers.cloudflare.com/r2/platform/limits/
    max_put_size=5 * GIB - 5 * MIB,
    max_object_size=5 * TIB - 5 * GIB,
    # Nothing says that CompleteMultipartUpload refuses a mismatch.
    multipart_checksums=frozenset(),
    # in the same list as PutObject, above
    multipart_write_once=True,
    virtual_hosts=False,
)

# Measured with weed 4.48, and kept so by tests/integration/test_refusals.py: it refuses all that
# AWS refuses, save form fields that no condition names unless they begin with `x-amz-`. Of those,
# `acl` has no effect, and `success_action_redirect` only sends the uploader's own client elsewhere.
# No limit on an object's size is documented; 5 TiB was S3's own for fifteen years.
# Multipart likewise, by tests/contract/test_object_store_multipart.py. Its oddities: a part sent
# again stands beside the earlier one in ListParts, and a page that ends between the two hides one;
# it takes a part numbered -1, which nobody signs; and completing twice is a 200 while the object is
# there, or a 412 where it is to write once.
SEAWEEDFS = Capabilities(
    name="seaweedfs",
    post_form=True,
    write_once=True,
    checksums=_EVERY_CHECKSUM,
    max_put_size=5 * GIB,
    max_object_size=5 * TIB,
    multipart_checksums=_FULL_OBJECT_CHECKSUMS,
    multipart_write_once=True,
    virtual_hosts=False,
)

MINIO = Capabilities(
    name="minio",
    # with checksums in the form since https://github.com/minio/minio/pull/17244
    post_form=True,
    # https://blog.min.io/leading-the-way-minios-conditional-write-feature-for-modern-data-workloads/
    write_once=True,
    # CRC64NVME since https://github.com/minio/minio/pull/20855 (January 2025)
    checksums=_EVERY_CHECKSUM,
    # MinIO itself takes 5 TiB in one PUT, but a URL of ours never carries more than S3 allows:
    # https://docs.min.io/community/minio-object-store/operations/concepts/thresholds.html
    max_put_size=5 * GIB,
    max_object_size=50 * TIB,
    # Of an upload with a checksum it refuses every part that comes without its own, as ours do
    # ("checksum missing"): https://github.com/minio/minio/blob/master/cmd/erasure-multipart.go
    multipart_checksums=frozenset(),
    # since https://github.com/minio/minio/pull/19713 (May 2024)
    multipart_write_once=True,
    virtual_hosts=False,
)

# What every store that calls itself S3-compatible does. Several answer 501 to If-None-Match or to
# a checksum header, and several have no POST Object.
GENERIC = Capabilities(
    name="generic",
    post_form=False,
    write_once=False,
    checksums=frozenset(),
    max_put_size=5 * GIB,
    max_object_size=5 * TIB,
    multipart_checksums=frozenset(),
    multipart_write_once=False,
    virtual_hosts=False,
)

PROFILES: Mapping[str, Capabilities] = {p.name: p for p in (AWS, R2, SEAWEEDFS, MINIO, GENERIC)}


def capabilities_of(settings: Settings) -> Capabilities:
    """The profile that S3_PROVIDER names; for `auto` the one that the endpoint gives away."""
    if settings.s3_provider != "auto":
        return PROFILES[settings.s3_provider]
    if settings.storage_type is StorageType.LOCAL:
        return SEAWEEDFS
    return detect(settings.s3_endpoint_url)


def detect(endpoint_url: str | None) -> Capabilities:
    """The profile behind an endpoint: AWS for none, `GENERIC` for a host that is not known."""
    if endpoint_url is None:
        return AWS
    host = (urlsplit(endpoint_url).hostname or "").rstrip(".")
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return AWS
    if host.endswith(".r2.cloudflarestorage.com"):
        return R2
    return GENERIC
