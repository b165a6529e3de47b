"""Lists of what belongs to merchants (users, connectors), over all merchants or one (`?merchant=`)."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse

from portal.directory.list_views import CHILD_STATUSES, ListFilter, query_param
from portal.directory.models import IndexedEntity
from portal.directory.services import ListState, refresh_list, refresh_list_if_stale, visible_entities
from portal.directory.sync import READ_AT_ONCE, refresh_child_lists, refresh_merchant_lists, visible_merchants
from portal.directory.views import EntityListView
from portal.staff.models import User

REFRESH_BUDGET = 2.0


class MerchantChildrenListView(EntityListView):
    """Rows get merchant_name and merchant_url. Context besides the list's own: merchant, merchant_name."""

    unit = "merchants"
    sorts = EntityListView.sorts | {
        "merchant": ("merchant_key", "sort_key"),
        "-merchant": ("-merchant_key", "sort_key"),
    }

    @property
    def parent(self) -> str:
        """Guid of the merchant asked for; "" for all, or for one nobody knows."""
        wanted = query_param(self.request.GET, "merchant")
        return wanted if wanted and get_merchant_names(self.request.user, self.connection, [wanted]) else ""

    def ensure(self) -> ListState:
        """One merchant's list; otherwise what is missing, unless a worker reads it."""
        if self.parent:
            return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.parent)
        return self._read(refresh=False)

    def refresh(self) -> ListState:
        """One merchant's list, or as many as the budget allows; the worker reads the rest."""
        if self.parent:
            return refresh_list(connection=self.connection, kind=self.kind, parent=self.parent)
        return self._read(refresh=True)

    def refresh_by_worker(self) -> bool:
        """Many lists, or a long one, are read in the background."""
        known = visible_merchants(user=self.request.user, connection=self.connection)
        return super().refresh_by_worker() or (not self.parent and known.count() > READ_AT_ONCE)

    def _read(self, *, refresh: bool) -> ListState:
        place: dict[str, Any] = {"user": self.request.user, "connection": self.connection}
        merchants = refresh_merchant_lists(**place, budget=REFRESH_BUDGET)
        budget = -1.0 if merchants.away else (3 if refresh else 1) * REFRESH_BUDGET
        state = refresh_child_lists(**place, kind=self.kind, budget=budget, refresh=refresh)
        return state.below(merchants)

    def rows(self) -> QuerySet[IndexedEntity]:
        """The rows with the name of their merchant, to sort by."""
        merchants = IndexedEntity.objects.filter(
            connection=OuterRef("connection"), kind="merchant", guid=OuterRef("parent_guid")
        )
        rows = super().rows()
        if self.sort.removeprefix("-") == "merchant":
            rows = rows.annotate(merchant_key=Subquery(merchants.values("sort_key")[:1]))
        return rows

    def filters(self, state: ListState) -> list[ListFilter]:
        """By effective status."""
        return [self.choice("status", "Status", list(CHILD_STATUSES))]

    def page_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """The names and addresses of the merchants on this page, in one query."""
        rows = context["page"].object_list
        guids = [row["parent_guid"] for row in rows] + [self.parent]
        names = get_merchant_names(self.request.user, self.connection, guids)
        for row in rows:
            row["merchant_name"] = names.get(row["parent_guid"], row["parent_guid"])
            row["merchant_url"] = reverse("merchants:page", args=[self.connection, row["parent_guid"]])
        return {"merchant": self.parent, "merchant_name": names.get(self.parent, "")}


def get_merchant_names(user: User | AnonymousUser, connection: str, guids: Iterable[str]) -> dict[str, str]:
    """Guid → name of merchants that the index knows and the person may know of, in one query."""
    merchants = visible_entities(user=user, connection=connection, kind="merchant")
    return dict(merchants.filter(guid__in=set(guids) - {""}).values_list("guid", "name"))
