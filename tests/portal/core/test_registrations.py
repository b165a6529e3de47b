"""What apps register for other apps exists: templates, addresses and permissions."""

from collections.abc import Iterator

import pytest
from django.template.loader import get_template
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.core.dashboard import CARDS, DashboardCard
from portal.core.links import URL_NAMESPACES
from portal.core.navigation import DETAIL_TABS
from portal.core.permissions import PERMISSIONS
from portal.core.view_access import SIGNED_IN
from portal.directory.detail import EntityDetailView
from portal.directory.list_views import LIST_COLUMNS
from portal.tasks.registry import TASK_TYPES, TaskType
from provisioning.entities import ENTITY_KINDS


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_dashboard_card_has_a_template_and_a_known_permission(card: DashboardCard) -> None:
    get_template(card.template)
    assert card.access in (SIGNED_IN, *PERMISSIONS)


@pytest.mark.parametrize("task_type", TASK_TYPES.values(), ids=TASK_TYPES)
def test_a_task_type_names_a_known_permission(task_type: TaskType) -> None:
    assert task_type.permission in ("", *PERMISSIONS)


def detail_views(resolver: URLResolver) -> Iterator[type[EntityDetailView]]:
    """Yield the views of the pages of entities that declare a tab."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            view = getattr(entry.callback, "view_class", None)
            if view and issubclass(view, EntityDetailView) and view.tab:
                yield view
        else:
            yield from detail_views(entry)


def test_each_tab_has_a_view_and_each_view_a_tab() -> None:
    views = {f"{view.entity_kind}.{view.tab}": view for view in detail_views(get_resolver())}
    assert set(views) == set(DETAIL_TABS)
    for name, tab in DETAIL_TABS.items():
        assert reverse(tab.url_name, args=["sandbox", "X-1"])
        assert tab.access == views[name].access, name
        assert tab.access in PERMISSIONS


@pytest.mark.parametrize("kind", ENTITY_KINDS)
def test_each_kind_of_entity_has_columns_pages_and_a_permission(kind: str) -> None:
    assert kind in LIST_COLUMNS
    assert reverse(f"{URL_NAMESPACES[kind]}:list", args=["sandbox"])
    assert reverse(f"{URL_NAMESPACES[kind]}:page", args=["sandbox", "X-1"])
    assert {f"{kind}.overview", f"{kind}.history"} <= set(DETAIL_TABS)
    assert f"{kind}.view" in PERMISSIONS
