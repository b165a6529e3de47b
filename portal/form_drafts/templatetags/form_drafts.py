"""`{% load form_drafts %}`: the hidden fields by which a form keeps drafts, and the notice of a draft."""

from typing import Any

from django import template
from django.forms import BaseForm
from django.http import HttpRequest, QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.form_drafts.forms import secret_names, show_unchecked
from portal.form_drafts.services import (
    DRAFT,
    TOKEN,
    drafts_for,
    find_waiting,
    form_path,
    issue_token,
    open_draft,
    posted_token,
    save_posted,
)

register = template.Library()


@register.simple_tag(takes_context=True)
def draft_fields(context: Any, form: BaseForm | None = None, title: str = "") -> SafeString:
    """Hidden fields inside a form: its token, and the draft that it continues.

    After a form that was answered in place, `data-draft-page` is the address that shows it again.
    """
    request: HttpRequest = context["request"]
    secrets = secret_names(form) if form is not None else []
    path, page = form_path(request), ""
    if request.method == "POST":
        # The form may have been posted to another address than its own, which its token knows.
        posted = posted_token(request)
        if posted is None:
            return SafeString("")
        draft = save_posted(request)
        path, page = posted.path, draft.url if draft else posted.path
    else:
        draft = open_draft(request)
    token = format_html(
        '<input type="hidden" name="{}" value="{}" data-draft-save="{}" data-draft-secrets="{}" '
        'data-draft-page="{}">',
        TOKEN,
        issue_token(request.user.pk, path, title, secrets, draft),
        _save_address(),
        " ".join(secrets),
        page,
    )
    if draft is None:
        return token
    return token + format_html('<input type="hidden" name="{}" value="{}">', DRAFT, draft.id)


def _save_address() -> str:
    """Return the address for autosave, "" if it is not mounted."""
    try:
        return reverse("form_drafts:save")
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def fill_from_draft(context: Any, form: BaseForm) -> str:
    """Fill in an empty form from the draft in the address; for views that may not import drafts."""
    draft = None if form.is_bound else open_draft(context["request"])
    if draft:
        form.data, form.is_bound = draft.fields, True
        show_unchecked(form)
    return ""


@register.inclusion_tag("form_drafts/notice.html", takes_context=True)
def draft_notice(context: Any) -> dict[str, Any]:
    """Above a form: what is filled in, or the drafts that can be continued."""
    request: HttpRequest = context["request"]
    if request.method != "GET":
        return {}
    opened = open_draft(request)
    offered = [] if opened or "change" in request.GET else drafts_for(request)
    return {
        "opened": opened,
        "offered": offered,
        "user": request.user,
        "csrf_token": context.get("csrf_token"),
    }


@register.simple_tag(takes_context=True)
def form_waits(context: Any) -> str:
    """Return what is known of the form behind the sign-in or the step-up: "unsent", "saved" or ""."""
    request: HttpRequest = context["request"]
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    named = QueryDict(wanted.partition("?")[2]).get(DRAFT)
    return find_waiting(named) if named else ""
