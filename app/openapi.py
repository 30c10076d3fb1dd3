"""The front page of the manual: what `/docs` says before the first endpoint."""

from typing import Any

VERSION = "0.1.0"

_DESCRIPTION = """\
Slipway lets your users upload files of any size straight into object storage. It checks who asks
and what for, records the file, hands out a presigned URL, and then verifies with the
store what really arrived. It never carries a byte of a file.

### An upload in three requests

1. `POST /presigned-url` with the file's name, type and exact size. The answer holds `url`,
   `method` and `headers` (or `fields` for a form).
2. Send the bytes to `url` with exactly these headers. The store refuses anything that was not
   signed: another size, type, key or checksum, and where `If-None-Match` is among the headers a
   second write.
3. `PUT /file-status` with `{"id": "…", "status": "uploaded"}`. The service asks the store, and
   the file is `uploaded` only if the bytes are there and are the ones declared.

Many small files: `POST /presigned-urls` and `PUT /file-statuses` take 1,000 in one call.

### A large file, in parts

Ask with `"method": "multipart"`, or `"auto"` and let the size decide. `multipart` in the answer
holds the size of a part and the URLs of the first 100.

1. `PUT` each part to its `url`, several at a time, in any order.
2. `POST /files/{id}/parts` signs more, or signs again what has expired. After a break,
   `GET /files/{id}/parts` says what is `missing`.
3. `POST /files/{id}/complete`, without a body. The file is `uploaded`.

### Status, live

`GET /files/{id}/stream` tells of a file's changes as server-sent events, `GET /files/stream` of all
of yours. With the header `Last-Event-ID` a stream goes on where it was.

### Webhooks

`POST /webhooks` with an address of yours: every change of your files is sent there, signed, until
it has arrived.

### Authorisation

`Authorization: Bearer <JWT>`; press **Authorize** and paste a token. `sub` owns the files,
`scope` is a space-separated list of `files:read`, `files:write`, `files:process`, `admin`; a
token without `scope` holds the first two. Somebody else's file answers 404, like one that does
not exist.

### Errors

Every error is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail` (what to
do), `code` (stable, for machines), `request_id` (also in the header `X-Request-ID`), and `errors`
with `field` and `message` when a field breaks a rule. Answers with `Retry-After` pass by
themselves.
"""

_TAGS = [
    {"name": "upload", "description": "Get permission, then report what happened."},
    {"name": "multipart", "description": "Large files in parts: resume, complete, abort."},
    {"name": "files", "description": "What became of the files: records, audit trail, downloads."},
    {"name": "quotas", "description": "What owners hold and may hold."},
    {
        "name": "Uppy",
        "description": "For pages with Uppy: its `endpoint` (version 5) is `/uppy`, with a bearer "
        "token, its `companionEndpoint` (version 6) `/uppy/t/{token}`, with a token of "
        "`POST /upload-tokens`: all of `/uppy/s3/…` is there too. Errors have the members `error` "
        "and `message` besides.",
    },
    {"name": "webhooks", "description": "Be told of what happens, at an address of yours."},
    {"name": "storage events", "description": "What the store says by itself; no JWT."},
    {"name": "administration", "description": "All owners together; for the scope `admin`."},
    {"name": "operators", "description": "Health and metrics; no token needed."},
]


def describe() -> dict[str, Any]:
    """FastAPI's keyword arguments for the document."""
    return {
        "title": "Slipway",
        "summary": "Presigned uploads straight into object storage, verified with the store.",
        "version": VERSION,
        "description": _DESCRIPTION,
        "openapi_tags": _TAGS,
    }
