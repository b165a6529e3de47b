"""The pages for requests that fail: what happened, what to do next, the request id that logs know."""

import sys
from urllib.parse import quote

from django.db import DataError, IntegrityError
from django.db import Error as DatabaseFailure
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import loader
from django.urls import Resolver404, resolve
from django.views.csrf import csrf_failure

from portal.core.text import search_text
from portal.core.view_access import PUBLIC, allow, set_refusal

# Seconds after which a page that failed for the database's sake is worth asking for again.
RETRY_AFTER = 10


class NotFound(Http404):
    """A 404 with an explanation and advice. `worth_retrying`: the thing may exist after all.

    Only for signed-in users, and without anything hidden from them. `beyond` as in HiddenNotFound.
    """

    def __init__(
        self, explanation: str, *, advice: str = "", worth_retrying: bool = False, beyond: bool | None = None
    ) -> None:
        super().__init__(explanation)
        self.beyond = beyond
        self.explanation, self.advice, self.worth_retrying = explanation, advice, worth_retrying


class HiddenNotFound(Http404):
    """A 404 for things hidden from the user. `beyond`: it exists, outside of their tenants.

    None if the user is not limited. The page is the same in all three cases.
    """

    def __init__(self, *, beyond: bool | None) -> None:
        super().__init__()
        self.beyond = beyond


@allow(PUBLIC)
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400 without the layout: the request may not have a user."""
    return _bare(request, "400.html", 400)


@allow(PUBLIC)
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 403 with the reason."""
    return render(request, "403.html", {"layout": _layout(request), "reason": str(exception)}, status=403)


@allow(PUBLIC)
def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403 for a form without its token, recorded for signed-in users (templates/403_csrf.html)."""
    if request.user.is_authenticated:
        set_refusal(request, "was sent without a valid form token", code="no_token")
    return csrf_failure(request, reason=reason)


@allow(PUBLIC)
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 404, the same for things that do not exist and things hidden from the user."""
    meant = _address_meant(request)
    if meant:
        return redirect(meant)
    told = exception if isinstance(exception, NotFound) else None
    return render(request, "404.html", {"layout": _layout(request), "told": told}, status=404)


@allow(PUBLIC)
def broken(request: HttpRequest) -> HttpResponse:
    """Return 500 without context processors, static tags or the database: any of them may be broken.

    Return 503 if the database failed: away, locked or full. Called while the exception is handled.
    """
    if is_database_trouble(sys.exc_info()[1]):
        return _try_later(_bare(request, "503_database.html", 503))
    return _bare(request, "500.html", 500)


def is_database_trouble(error: BaseException | None) -> bool:
    """Return whether the database is the cause, rather than a value that it refuses."""
    return isinstance(error, DatabaseFailure) and not isinstance(error, IntegrityError | DataError)


def unrecordable(request: HttpRequest) -> HttpResponse:
    """Return 503: the action could not be recorded, so it was not done. Needs no database."""
    return _try_later(_bare(request, "503.html", 503))


def _try_later(page: HttpResponse) -> HttpResponse:
    page["Retry-After"] = str(RETRY_AFTER)
    return page


def body_refused(request: HttpRequest, status: int) -> HttpResponse:
    """Return 413 for a body that is too long, 411 for one that does not say how long it is."""
    return _bare(request, "413.html", status)


def _bare(request: HttpRequest, template: str, status: int) -> HttpResponse:
    page = loader.render_to_string(template, {"request_id": getattr(request, "request_id", "")})
    return HttpResponse(page, status=status)


def _address_meant(request: HttpRequest) -> str:
    """Return the address without what a paste added to it, such as ")." or an invisible character; or ""."""
    user = getattr(request, "user", None)
    if request.method not in ("GET", "HEAD") or not (user and user.is_authenticated):
        return ""
    parts = [search_text(part) for part in request.path.split("/")]
    named = [part for part in parts if any(char.isalnum() for char in part)]
    address = "/" + "".join(f"{part}/" for part in named)
    if address in ("/", request.path, f"{request.path}/"):
        return ""
    try:
        resolve(address)
    except Resolver404:
        return ""
    query = request.META.get("QUERY_STRING", "")
    return quote(address) + (f"?{query}" if query else "")


def _layout(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    return "layout.html" if user and user.is_authenticated else "layout_card.html"
