"""How a view declares who may use it. The door (portal.staff.middleware) refuses what is undeclared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase

PUBLIC = "public"
SIGNED_IN = "signed-in"

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def allow(access: str, *, step_up: bool = False, unenrolled: bool = False) -> Callable[[View], View]:
    """Declares a function view or a third party's view: PUBLIC, SIGNED_IN or a permission.

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


def step_up_of(view: Callable[..., Any], request: HttpRequest, kwargs: dict[str, Any]) -> bool:
    """Whether `view` asks for step-up beyond what its access does."""
    declared = getattr(view, "step_up", False)
    return bool(declared(request, **kwargs) if callable(declared) else declared)


def access_of(view: Callable[..., Any], request: HttpRequest | None = None) -> str | None:
    """What `view` declares for this request's method; None if it declares nothing.

    A class-based view may declare a map of methods ({"GET": "staff.view", "POST": "staff.update"}).
    """
    declared = getattr(view, "access", None)
    if isinstance(declared, dict):
        method = request.method if request else "GET"
        return declared.get("GET" if method == "HEAD" else str(method))
    return declared


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the portal refused while it answered. Without `why` there is nothing to record."""

    code: str
    why: str


def refusal_noted(request: HttpRequest, why: str, *, code: str = "refused") -> None:
    """Has the door's middleware put it on record, once per request, when the answer is made."""
    request._refusal = Refusal(code, why)  # type: ignore[attr-defined]


def refusal_of(request: HttpRequest) -> Refusal | None:
    """What was noted for this request."""
    return getattr(request, "_refusal", None)
