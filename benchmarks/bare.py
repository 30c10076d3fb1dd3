"""A FastAPI handler with the models of `POST /presigned-url` and no work at all."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import FastAPI, status

from app.domain.file import FileRecord, FileStatus, UploadMethod
from app.domain.ports import SignedRequest
from app.schemas.request.presigned_url_request import PresignedUrlRequest
from app.schemas.response.file_response import FileResponse

NOW = datetime.now(UTC)
LATER = NOW + timedelta(seconds=900)
KEY = "uploads/2026/11/21/0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d.png"

RECORD = FileRecord(
    id=UUID("0199f3a1-7c1e-7b1a-9c55-2f0d6a1b2c3d"),
    owner="bench",
    key=KEY,
    filename="cat.png",
    type="image/png",
    file_size=12345,
    method=UploadMethod.PUT,
    policy="default",
    status=FileStatus.PENDING,
    created_at=NOW,
    updated_at=NOW,
    expires_at=LATER,
    ends_at=LATER,
)
SIGNED = SignedRequest(
    method="PUT",
    # As long as a real one.
    url=f"http://127.0.0.1:8333/slipway/{KEY}?X-Amz-Signature={'0' * 340}",
    expires_at=LATER,
    headers={"Content-Type": "image/png", "If-None-Match": "*"},
)

app = FastAPI()


@app.post("/presigned-url", status_code=status.HTTP_201_CREATED)
async def create_presigned_url(body: PresignedUrlRequest) -> FileResponse:
    return FileResponse.of(RECORD, NOW, SIGNED)
