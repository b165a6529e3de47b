"""`{% load changes %}`: generated secrets shown once on an entity’s page, and properties’ readable names."""

from typing import Any

from django import template
from django.template.context import Context

from portal.changes.review_rows import label_of
from portal.changes.workflow import change_with_secrets

register = template.Library()


@register.filter
def property_label(name: str) -> str:
    """A property as people read it: "sharedSecret" → "Shared secret"."""
    return label_of(name)


@register.inclusion_tag("changes/partials/secrets_banner.html", takes_context=True)
def generated_secrets(context: Context, guid: str) -> dict[str, Any]:
    """The banner, or nothing. The connection is the one in the address."""
    request = context["request"]
    slug = request.resolver_match.kwargs.get("connection", "")
    change = change_with_secrets(user=request.user, connection=slug, guid=guid)
    # csrf_token and perms are what the partial needs of the page's context.
    return {
        "change": change,
        "perms": context.get("perms"),
        "csrf_token": context.get("csrf_token"),
        "user": request.user,
    }
