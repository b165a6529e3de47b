"""Lists of what belongs to merchants (users, connectors), over all merchants or one (`?merchant=`)."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from portal.directory.listing import asked
from portal.directory.services import ScopeState, entries_seen, scope_ensure, scope_refresh, scopes_ensure
from portal.directory.views import EntryListView
from portal.staff.models import User

# The gateway has one list per merchant. With more merchants than this a page shows what is known and
# how old it is; only "refresh" reads lists then, the oldest first.
READ_AT_ONCE = 40
REFRESH_BUDGET = 2.0


class MerchantChildrenListView(EntryListView):
    """Rows get merchant_name and merchant_url. Context besides the list's own: merchant, merchant_name."""

    @property
    def parent(self) -> str:
        """Guid of the merchant asked for; "" for all, or for one nobody knows."""
        wanted = asked(self.request.GET, "merchant")
        return wanted if wanted and names_of(self.request.user, self.connection, [wanted]) else ""

    @cached_property
    def merchants(self) -> list[str]:
        """Guids of the merchants that are known and not archived."""
        known = entries_seen(user=self.request.user, connection=self.connection, kind="merchant")
        return list(known.filter(archived=False).values_list("guid", flat=True))

    def ensure(self) -> ScopeState:
        """One merchant's list; those of few merchants within the budget; of many, nothing is read."""
        if self.parent:
            return scope_ensure(connection=self.connection, kind=self.kind, parent=self.parent)
        budget = REFRESH_BUDGET if len(self.merchants) <= READ_AT_ONCE else -1.0
        return scopes_ensure(
            connection=self.connection, kind=self.kind, parents=self.merchants, budget=budget
        )

    def refresh(self) -> None:
        """One merchant's list, or as many as the budget allows."""
        if self.parent:
            scope_refresh(connection=self.connection, kind=self.kind, parent=self.parent)
            return
        scopes_ensure(
            connection=self.connection,
            kind=self.kind,
            parents=self.merchants,
            budget=3 * REFRESH_BUDGET,
            max_age=0,
        )

    def page_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """The names and addresses of the merchants on this page, in one query."""
        rows = context["page"].object_list
        guids = [row["parent_guid"] for row in rows] + [self.parent]
        names = names_of(self.request.user, self.connection, guids)
        for row in rows:
            row["merchant_name"] = names.get(row["parent_guid"], row["parent_guid"])
            row["merchant_url"] = reverse("merchants:page", args=[self.connection, row["parent_guid"]])
        return {"merchant": self.parent, "merchant_name": names.get(self.parent, "")}


def names_of(user: User | AnonymousUser, connection: str, guids: Iterable[str]) -> dict[str, str]:
    """Guid → name of merchants that the index knows and the person may know of, in one query."""
    merchants = entries_seen(user=user, connection=connection, kind="merchant")
    return dict(merchants.filter(guid__in=set(guids) - {""}).values_list("guid", "name"))
