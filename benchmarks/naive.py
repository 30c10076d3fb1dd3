"""The same work as a tutorial would do it: each request decoded, signed by boto3, saved by ormar.

Written with care and not slowed down: async throughout, one client, pooled connections, one
statement that commits by itself. It has neither rate limit, event, metrics nor log line.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import boto3
import ormar
from botocore.config import Config
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jose import JWTError, jwt
from ormar.databases.connection import DatabaseConnection
from pydantic import SecretStr
from sqlalchemy import MetaData

from app.domain.file import FileStatus, UploadMethod
from app.schemas.request.presigned_url_request import PresignedUrlRequest
from app.schemas.response.file_response import FileResponse
from app.settings import Settings

EXPIRES_IN = 900

settings = Settings.load()


def secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


JWT_SECRET = secret(settings.jwt_secret)

database = DatabaseConnection(
    secret(settings.database_url).replace("postgresql://", "postgresql+asyncpg://")
)
base = ormar.OrmarConfig(metadata=MetaData(), database=database)
s3 = boto3.client(
    "s3",
    endpoint_url=settings.s3_endpoint_url,
    region_name=settings.s3_region,
    aws_access_key_id=secret(settings.s3_access_key),
    aws_secret_access_key=secret(settings.s3_secret_key),
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)


class NaiveFile(ormar.Model):
    ormar_config = base.copy(tablename="naive_files")  # type: ignore[pydantic-field]

    id: UUID = ormar.UUID(primary_key=True, default=uuid4, uuid_format="string")
    owner: str = ormar.Text(index=True)
    key: str = ormar.Text(unique=True)
    filename: str = ormar.Text()
    type: str = ormar.Text()
    file_size: int = ormar.BigInteger()
    status: str = ormar.Text()
    created_at: datetime = ormar.DateTime(timezone=True)
    updated_at: datetime = ormar.DateTime(timezone=True)
    expires_at: datetime = ormar.DateTime(timezone=True)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await database.connect()
    async with database.engine.begin() as connection:
        await connection.run_sync(base.metadata.create_all)
    yield
    await database.disconnect()


app = FastAPI(lifespan=lifespan)
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def current_user(credentials: Credentials) -> str:
    try:
        claims = jwt.decode(credentials.credentials, JWT_SECRET, algorithms=["HS256"])
    except JWTError:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED) from None
    return str(claims["sub"])


@app.post("/presigned-url", status_code=status.HTTP_201_CREATED)
async def create_presigned_url(
    body: PresignedUrlRequest, owner: Annotated[str, Depends(current_user)]
) -> FileResponse:
    now = datetime.now(UTC)
    key = f"uploads/{now:%Y/%m/%d}/{uuid4()}"
    url = s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": settings.s3_bucket,
            "Key": key,
            "ContentType": body.type,
            "ContentLength": body.file_size,
            "IfNoneMatch": "*",
        },
        ExpiresIn=EXPIRES_IN,
    )
    file = NaiveFile(  # type: ignore[call-arg]  # pydantic's plugin does not know ormar
        owner=owner,
        key=key,
        filename=body.filename,
        type=body.type,
        file_size=body.file_size,
        status=FileStatus.PENDING.value,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=EXPIRES_IN),
    )
    await file.save()
    return _answer(file, url)


def _answer(file: NaiveFile, url: str) -> FileResponse:
    return FileResponse(
        id=file.id,
        key=file.key,
        status=FileStatus(file.status),
        url=url,
        method=UploadMethod.PUT,
        headers={"Content-Type": file.type, "If-None-Match": "*"},
        expires_at=file.expires_at,
        expires_in=EXPIRES_IN,
        filename=file.filename,
        type=file.type,
        file_size=file.file_size,
        metadata={},
        policy="default",
        created_at=file.created_at,
        updated_at=file.updated_at,
    )
