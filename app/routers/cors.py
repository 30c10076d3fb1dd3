"""Cross-origin requests."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from app.routers.problem_document import refused_preflight


class ProblemCors(CORSMiddleware):
    """Starlette's CORS, whose refusals are problem documents like every other error."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code != HTTPStatus.BAD_REQUEST:
            return answer
        return refused_preflight(f"{bytes(answer.body).decode()}.", answer.headers)
