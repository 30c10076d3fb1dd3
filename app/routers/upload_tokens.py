"""Leave to upload for pages that shall not hold a token of their user."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, status

from app.exceptions.errors import DatabaseUnavailable
from app.routers.dependencies import GUARDED, GuardedRoute, Writer, get_container
from app.routers.problem_openapi import problem_responses
from app.schemas.request.upload_token_request import UploadTokenRequest
from app.schemas.response.upload_token_response import UploadTokenResponse

router = APIRouter(tags=["Uppy"], route_class=GuardedRoute)


@router.post(
    "/upload-tokens",
    status_code=status.HTTP_201_CREATED,
    summary="A token for a page",
    responses=problem_responses(*GUARDED, DatabaseUnavailable),
)
async def create_upload_token(
    principal: Writer,
    request: Request,
    body: Annotated[UploadTokenRequest | None, Body()] = None,
) -> UploadTokenResponse:
    """It creates and finishes uploads for you, under that policy, up to that size, and can do
    nothing else. It goes into the path, `/uppy/t/{token}`, for clients that can send no header;
    it is never logged here.
    """
    wish = body or UploadTokenRequest()
    minted = await get_container(request).upload_tokens.mint(
        principal, policy=wish.policy, max_size=wish.max_size, expires_in=wish.expires_in
    )
    return UploadTokenResponse.model_validate(minted)
