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
from portal.core.view_access import PUBLIC, allow, refusal_noted

# Seconds after which a page that failed for the database's sake is worth asking for again.
RETRY_AFTER = 10


class NotFound(Http404):
    """A 404 that tells what was looked for and what to do. `worth_retrying`: it may be there after all.

    Only for those who are signed in, and without anything that they may not know. `beyond` as in Unseen.
    """

    def __init__(
        self, explanation: str, *, advice: str = "", worth_retrying: bool = False, beyond: bool | None = None
    ) -> None:
        super().__init__(explanation)
        self.beyond = beyond
        self.explanation, self.advice, self.worth_retrying = explanation, advice, worth_retrying


class HiddenNotFound(Http404):
    """A 404 for what the person does not see. `beyond`: there is such a thing, outside what they reach.

    None where that is not the question: nobody is limited. The page is the same for all three.
    """

    def __init__(self, *, beyond: bool | None) -> None:
        super().__init__()
        self.beyond = beyond


@allow(PUBLIC)
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, without the frame: the request may not even have a person."""
    return _bare(request, "400.html", 400)


@allow(PUBLIC)
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, naming what the person would need if the door said so."""
    return render(request, "403.html", {"layout": _layout(request), "reason": str(exception)}, status=403)


@allow(PUBLIC)
def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token, on record for who is signed in (templates/403_csrf.html)."""
    if request.user.is_authenticated:
        refusal_noted(request, "was sent without a valid form token", code="no_token")
    return csrf_failure(request, reason=reason)


@allow(PUBLIC)
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, the same for what does not exist and for what the person may not know."""
    meant = _address_meant(request)
    if meant:
        return redirect(meant)
    told = exception if isinstance(exception, NotFound) else None
    return render(request, "404.html", {"layout": _layout(request), "told": told}, status=404)


@allow(PUBLIC)
def broken(request: HttpRequest) -> HttpResponse:
    """500. Neither context processors nor static tags nor the database: any of them may be what broke.

    503 where the database failed, on whatever page and however late: away, locked, full. Called while the
    exception is handled.
    """
    if is_database_trouble(sys.exc_info()[1]):
        return _try_later(_bare(request, "503_database.html", 503))
    return _bare(request, "500.html", 500)


def is_database_trouble(error: BaseException | None) -> bool:
    """Return whether the database is the cause, rather than a value that it refuses."""
    return isinstance(error, DatabaseFailure) and not isinstance(error, IntegrityError | DataError)


def unrecordable(request: HttpRequest) -> HttpResponse:
    """503: what was wanted cannot be put on record, so it was not done. Needs no database."""
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
