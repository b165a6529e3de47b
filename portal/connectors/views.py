"""Pages of connectors: list, page, history, create, edit, disable, enable."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from portal.changes.generic_views import EntityActionView, EntityCreateView, EntityEditView, EntityHistoryView
from portal.changes.models import Change
from portal.changes.one_time_secrets import find_change_with_secrets
from portal.connectors.detail import Profile
from portal.connectors.forms import ConnectorCreateForm, ConnectorEditForm, ConnectorForm
from portal.core.forms import PayloadForm
from portal.core.tables import Filter
from portal.core.views import ConnectionMixin
from portal.directory.detail import EntityDetailView, EntityOverview, EntityReading
from portal.directory.list_views import MerchantChildrenListView
from portal.directory.models import IndexedEntity
from portal.directory.services import ListState, visible_entities
from portal.staff.models import User
from provisioning.entities import Entity

MODES = [("live", "Live"), ("test", "Test mode")]


class ConnectorList(MerchantChildrenListView):
    """`…/connectors/`: all known connectors of a connection, or of one merchant (`?merchant=`)."""

    access = "connector.view"
    kind = "connector"
    template_name = "connectors/list.html"
    table_label = "Connectors"
    search_label = "Name, API key, adapter, GUID"

    def filters(self, state: ListState) -> list[Filter]:
        """Return filters by status and by mode."""
        return [*super().filters(state), self.choice("mode", "Mode", MODES)]

    def filter_rows(self, rows: QuerySet[IndexedEntity], chosen: dict[str, str]) -> QuerySet[IndexedEntity]:
        """Return the rows that match. A connector without testMode is live."""
        wanted, tested = chosen.get("mode"), rows.filter(fields__config__testMode=True)
        if wanted == "test":
            rows = tested
        elif wanted == "live":
            rows = rows.exclude(pk__in=tested.values("pk"))
        return super().filter_rows(rows, {**chosen, "mode": ""})


META_LABELS = {
    "defaultConnector": "Default connector",
    "reRouteRecurring": "Apply the rules to recurring transactions again",
    "defaultActionDisableConnector": "Disabled if no rule applies",
    "retries": "Retries",
    "expiry": "Payment selection expires after (hours)",
}


class ConnectorDetail(EntityDetailView):
    """A tab of one connector."""

    access = "connector.view"
    entity_kind = "connector"


class ConnectorPage(ConnectorDetail, EntityOverview):
    """`…/connectors/<guid>/`: of secrets it says only whether they are stored."""

    template_name = "connectors/page.html"

    def get_overview_context(self, reading: EntityReading) -> dict[str, Any]:
        """Return the properties, and the change whose generated secrets can still be shown once."""
        entry, user = reading.entry, self.request.user
        profile = Profile(reading.values, fresh=reading.fresh)
        values = {str(value) for _, value in profile.meta_facts}
        rows = visible_entities(user=user, connection=entry.connection, kind="connector")
        known = {row.guid: row for row in rows.filter(guid__in=values)} if values else {}
        return {
            "profile": profile,
            # Label, value and, if the value is the GUID of a known connector, that connector.
            "meta_facts": [
                (META_LABELS.get(name, name), value, known.get(str(value)))
                for name, value in profile.meta_facts
            ],
            "change_with_secrets": find_change_with_secrets(
                user=user, connection=entry.connection, guid=entry.guid
            ),
        }


class ConnectorHistory(ConnectorDetail, EntityHistoryView):
    """Show the history of a connector."""

    template_name = "connectors/history.html"


class ConnectorCreate(ConnectionMixin, EntityCreateView):
    """A new regular connector of a merchant."""

    operation = "connector.create"
    parent_kind = "merchant"
    form_class = ConnectorCreateForm
    template_name = "connectors/create.html"

    def form(self, parent: IndexedEntity, **kwargs: Any) -> PayloadForm:
        """Return the form with known adapters and methods to choose from."""
        return add_suggestions(self.form_class(**kwargs), self.request.user, self.connection)

    def next_links(self, parent: IndexedEntity, change: Change) -> list[tuple[str, str]]:
        """Return links to add another connector or a user, and to the merchant."""
        place = {"connection": self.connection, "guid": parent.guid}
        links = [("Add another connector", reverse("connectors:create", kwargs=place))]
        if self.may_create("merchant_user"):
            links.append(("Add a user", reverse("merchant_users:create", kwargs=place)))
        return [*links, *super().next_links(parent, change)]

    def initial(self, parent: IndexedEntity) -> dict[str, Any]:
        """Start in test mode, in the merchant's country: going live is a separate decision."""
        country = parent.fields.get("country", "")
        return {"config.testMode": True, "postbackFormat": "inherit", "businessCountry": country}


class ConnectorEdit(ConnectionMixin, EntityEditView):
    """Edit a connector; settings are sent as differences, blank secrets keep what is stored."""

    operation = "connector.update"
    form_class = ConnectorEditForm
    template_name = "connectors/edit.html"

    def form(self, entity: Entity, **kwargs: Any) -> PayloadForm:
        """Return the form, which shows which secrets are stored."""
        form = self.form_class(**kwargs)
        if isinstance(form, ConnectorEditForm):
            form.mark_kept(entity.values)
        return add_suggestions(form, self.request.user, self.connection)

    def render_page(self, entry: IndexedEntity | None, *, status: int = 200, **context: Any) -> HttpResponse:
        """Show whether the connector is live at the gateway now."""
        live = not Profile(context["entity"].values).test_mode
        return super().render_page(entry, status=status, **context, live=live)


class ConnectorDisable(ConnectionMixin, EntityActionView):
    """Disable a connector after confirmation."""

    operation = "connector.update"
    changes = {"disabled": True}
    title = "Disable this connector"
    consequence = (
        "The connector stops processing transactions. Routing rules that use it will fail, so check the "
        "merchant’s meta-connectors first. You can enable the connector again."
    )
    button = "Review: disable"
    reason_required = True


class ConnectorEnable(ConnectionMixin, EntityActionView):
    """Start a connector again."""

    operation = "connector.update"
    changes = {"disabled": False}
    title = "Enable this connector"
    consequence = (
        "The connector processes transactions again. If it is not in test mode, it takes real payments "
        "immediately."
    )
    button = "Review: enable"


def add_suggestions(form: PayloadForm, user: User | AnonymousUser, connection: str) -> PayloadForm:
    """Offer the adapters and methods of connectors within the user's tenant access."""
    if isinstance(form, ConnectorForm):
        known = visible_entities(user=user, connection=connection, kind="connector")
        found = {}
        for name in ("adapter", "method"):
            column = f"fields__{name}"
            values = known.order_by(column).values_list(column, flat=True).distinct()[:100]
            # Meta-connectors cannot be created through these forms.
            found[name] = [value for value in values if isinstance(value, str) and value != "MetaConnector"]
        form.suggest(adapters=found["adapter"], methods=found["method"])
    return form
