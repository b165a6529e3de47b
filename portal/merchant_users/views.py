"""Pages of merchant users: list, page, history, create, edit, disable, enable, passwords."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal.changes.errors import InvalidState
from portal.changes.generic_views import EntityActionView, EntityCreateView, EntityEditView, EntityHistoryView
from portal.changes.models import Change
from portal.core.datetimes import get_time_zone
from portal.core.forms import PayloadForm
from portal.core.tables import Filter
from portal.core.text import query_param
from portal.core.views import ConnectionMixin
from portal.directory.detail import EntityDetailView, EntityOverview, EntityReading
from portal.directory.list_views import MerchantChildrenListView
from portal.directory.models import IndexedEntity
from portal.directory.services import ListState
from portal.merchant_users import passwords, permissions
from portal.merchant_users.detail import Profile
from portal.merchant_users.forms import (
    TYPES,
    MerchantUserCreateForm,
    MerchantUserEditForm,
    MerchantUserForm,
    PasswordForm,
)
from portal.merchant_users.merchant_choices import offer_merchants
from provisioning.entities import Entity


class MerchantUserList(MerchantChildrenListView):
    """All known merchant users of a connection, or of one merchant (`?merchant=`)."""

    access = "merchant_user.view"
    kind = "merchant_user"
    template_name = "merchant_users/list.html"
    table_label = "Merchant users"
    search_label = "Username, name, email, GUID"

    def filters(self, state: ListState) -> list[Filter]:
        """Return filters by status and by type."""
        return [*super().filters(state), self.choice("type", "Type", [("web", "Web"), ("api", "API")])]

    def filter_rows(self, rows: QuerySet[IndexedEntity], chosen: dict[str, str]) -> QuerySet[IndexedEntity]:
        """Return the rows that match."""
        rows = rows.filter(fields__type=chosen["type"]) if chosen["type"] else rows
        return super().filter_rows(rows, {**chosen, "type": ""})


class MerchantUserDetail(EntityDetailView):
    """A tab of one merchant user."""

    access = "merchant_user.view"
    entity_kind = "merchant_user"


class MerchantUserPage(MerchantUserDetail, EntityOverview):
    """`…/users/<guid>/`: properties, access, permissions and API flags."""

    template_name = "merchant_users/page.html"

    def get_overview_context(self, reading: EntityReading) -> dict[str, Any]:
        """Return the user's properties as the page shows them."""
        entry = reading.entry
        return {"profile": Profile(self.request.user, entry.connection, entry.parent_guid, reading.values)}


class MerchantUserHistory(MerchantUserDetail, EntityHistoryView):
    """Show the history of a merchant user."""

    template_name = "merchant_users/history.html"


class MerchantUserCreate(ConnectionMixin, EntityCreateView):
    """A new user of a merchant: `?type=web` (the default) or `?type=api`, `?preset=` ticks permissions."""

    operation = "merchant_user.create"
    parent_kind = "merchant"
    form_class = MerchantUserCreateForm
    template_name = "merchant_users/create.html"

    def next_links(self, parent: IndexedEntity, change: Change) -> list[tuple[str, str]]:
        """Return links to add another user or a connector, and to the merchant."""
        place = {"connection": self.connection, "guid": parent.guid}
        links = [("Add another user", reverse("merchant_users:create", kwargs=place))]
        if self.may_create("connector"):
            links.append(("Add a connector", reverse("connectors:create", kwargs=place)))
        return [*links, *super().next_links(parent, change)]

    def initial(self, parent: IndexedEntity) -> dict[str, Any]:
        """Return the type and, for web users, the permissions of the preset that the address names."""
        if query_param(self.request.GET, "type") == "api":
            return {"type": "api"}
        preset = permissions.get_preset(query_param(self.request.GET, "preset"))
        ticked = list(preset.permissions) if preset else []
        return {"type": "web", "sendInitialPassword": True, "permissions": ticked}

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Create the user, or show the form for the other type with all input except the password."""
        chosen = request.POST.get("switch_type", "")
        if chosen not in dict(TYPES):
            return super().post(request, **kwargs)
        parent = self.parent()
        data = request.POST.copy()
        data["type"] = chosen
        typed = self.form(parent, data=data, initial=self.initial(parent))
        return self.form_page(parent, self.form(parent, initial=typed.typed_initial()))

    def form(self, parent: IndexedEntity, **kwargs: Any) -> PayloadForm:
        """Return the form. If the input names no type, the type of the address counts."""
        data = kwargs.get("data")
        if data is not None and "type" not in data:
            kwargs["data"] = data.copy()
            kwargs["data"]["type"] = kwargs["initial"]["type"]
        form = self.form_class(**kwargs)
        if isinstance(form, MerchantUserForm):
            form.in_zone(get_time_zone(getattr(self.request.user, "timezone", "")))
            place = {"connection": self.connection, "tenant": parent.tenant_guid, "home": parent.guid}
            offer_merchants(form, user=self.request.user, **place)
        return form

    def page_context(self, entry: IndexedEntity | None) -> dict[str, Any]:
        """Return the types, the presets and a generated password for browsers without JavaScript."""
        return {"types": TYPES, "presets": permissions.PRESETS, "proposal": passwords.generate_password()}


def _sets_password(request: HttpRequest, **_: Any) -> bool:
    """Return whether the request sets or resets a password, which requires re-authentication."""
    return request.method == "POST" and bool(
        request.POST.get("password") or request.POST.get("resetPassword") not in (None, "", "false")
    )


class MerchantUserEdit(ConnectionMixin, EntityEditView):
    """Edit a user; lists are sent as differences only."""

    operation = "merchant_user.update"
    form_class: ClassVar[type[PayloadForm]] = MerchantUserEditForm
    template_name = "merchant_users/edit.html"
    step_up: ClassVar[bool | Callable[..., bool]] = staticmethod(_sets_password)

    def form(self, entity: Entity, **kwargs: Any) -> PayloadForm:
        """Return the form, without the user's own merchant among the other merchants."""
        form = self.form_class(**kwargs)
        if isinstance(form, MerchantUserEditForm):
            form.in_zone(get_time_zone(getattr(self.request.user, "timezone", "")))
            form.keep_home(entity.parent)
            tenant = self.entry().tenant_guid
            place = {"connection": self.connection, "tenant": tenant, "home": entity.parent}
            offer_merchants(form, user=self.request.user, **place)
        return form

    def page_context(self, entry: IndexedEntity | None) -> dict[str, Any]:
        """Return a generated password for browsers without JavaScript."""
        return {"proposal": passwords.generate_password()}


class MerchantUserPassword(MerchantUserEdit):
    """Set a new password for an API user; a web user is mailed a link instead."""

    form_class = PasswordForm
    template_name = "merchant_users/password.html"
    step_up = True

    def entity(self, entry: IndexedEntity) -> Entity:
        """Return the user. Raises InvalidState unless it is an API user."""
        return _require_type("api", super().entity(entry))


class MerchantUserDisable(ConnectionMixin, EntityActionView):
    """Lock a user out."""

    operation = "merchant_user.update"
    changes = {"disabled": True}
    title = "Disable this user"
    consequence = "The user can no longer sign in or call the API. You can enable them again."


class MerchantUserEnable(ConnectionMixin, EntityActionView):
    """Let a user in again."""

    operation = "merchant_user.update"
    changes = {"disabled": False}
    title = "Enable this user"
    consequence = "The user can sign in or call the API again, with the same permissions as before."


class MerchantUserResetPassword(ConnectionMixin, EntityActionView):
    """Have the platform mail a web user a link to a new password."""

    operation = "merchant_user.update"
    changes = {"resetPassword": True}
    step_up = True
    title = "Reset this user’s password"
    consequence = (
        "The current password stops working. The platform emails a link to set a new one, valid for 24 hours."
    )

    def entity(self, entry: IndexedEntity) -> Entity:
        """Return the user. Raises InvalidState unless it is a web user."""
        return _require_type("web", super().entity(entry))


def _require_type(wanted: str, entity: Entity) -> Entity:
    """Return the user. Raises InvalidState for the other type, which the gateway would refuse (code 1006)."""
    if entity.values.get("type", wanted) != wanted:
        raise InvalidState(
            "Passwords of web users are reset by email, passwords of API users are set here. This does "
            "not apply to this type of user."
        )
    return entity
