"""What the frame of every page needs to know."""

from typing import Any

from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    """Template context of the layout."""
    return {"request_id": getattr(request, "request_id", "")}
