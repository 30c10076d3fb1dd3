"""The parameters by which every list is read page by page."""

from typing import Annotated

from fastapi import Query

PageLimit = Annotated[int, Query(ge=1, le=200)]
TrailLimit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=64)]
