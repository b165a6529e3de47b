"""`{% load changes %}`: generated secrets shown once on an entity’s page, and properties’ readable names."""

from typing import Any

from django import template
from django.template.context import Context

from portal.changes.one_time_secrets import find_change_with_secrets
from portal.changes.review import get_label

register = template.Library()


@register.filter
def property_label(name: str) -> str:
    """Return the label of a property: "sharedSecret" → "Shared secret"."""
    return get_label(name)


@register.inclusion_tag("changes/partials/secrets_banner.html", takes_context=True)
def generated_secrets(context: Context, guid: str) -> dict[str, Any]:
    """Show the banner if there are secrets to show. The connection is the one in the address."""
    request = context["request"]
    slug = request.resolver_match.kwargs.get("connection", "")
    change = find_change_with_secrets(user=request.user, connection=slug, guid=guid)
    # The partial needs csrf_token and perms from the page's context.
    return {
        "change": change,
        "perms": context.get("perms"),
        "csrf_token": context.get("csrf_token"),
        "user": request.user,
    }
