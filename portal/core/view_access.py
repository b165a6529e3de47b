"""How a view declares who may use it. portal.staff.middleware refuses a view without it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase

PUBLIC = "public"
SIGNED_IN = "signed-in"

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def allow(access: str, *, step_up: bool = False, unenrolled: bool = False) -> Callable[[View], View]:
    """Declare the access of a function view or a third party's view: PUBLIC, SIGNED_IN or a permission.

    `step_up` and `unenrolled` are those of portal.core.views.PortalView.
    """

    def declared(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]
        view.step_up = step_up  # type: ignore[attr-defined]
        view.unenrolled = unenrolled  # type: ignore[attr-defined]
        return view

    return declared


def sends_form(request: HttpRequest, **_: Any) -> bool:
    """Ask to step up for sending a form, not for reading its page: a value for `step_up`."""
    return request.method == "POST"


def asks_step_up(view: Callable[..., Any], request: HttpRequest, kwargs: dict[str, Any]) -> bool:
    """Return whether `view` asks for step-up in addition to its permission."""
    declared = getattr(view, "step_up", False)
    return bool(declared(request, **kwargs) if callable(declared) else declared)


def get_access(view: Callable[..., Any], request: HttpRequest | None = None) -> str | None:
    """Return the access that `view` declares for the request's method, or None.

    A class-based view may declare a map of methods ({"GET": "staff.view", "POST": "staff.update"}).
    """
    declared = getattr(view, "access", None)
    if isinstance(declared, dict):
        method = request.method if request else "GET"
        return declared.get("GET" if method == "HEAD" else str(method))
    return declared


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal during a request. Without `why` there is nothing to record."""

    code: str
    why: str


def set_refusal(request: HttpRequest, why: str, *, code: str = "refused") -> None:
    """Have the middleware record the refusal, once per request, when the response is complete."""
    request._refusal = Refusal(code, why)  # type: ignore[attr-defined]


def get_refusal(request: HttpRequest) -> Refusal | None:
    """Return the refusal of this request."""
    return getattr(request, "_refusal", None)
