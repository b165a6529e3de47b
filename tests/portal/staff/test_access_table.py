"""Every address answers every person with what tests/access_table.py says; a forgotten address fails."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.audit.models import Event
from portal.core.permissions import PERMISSIONS
from portal.core.view_access import PUBLIC, SIGNED_IN
from portal.staff.models import TenantScope
from tests.access_table import PEOPLE, TABLE

pytestmark = pytest.mark.django_db


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every URL pattern below `resolver` with its full name."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, inner)
        else:
            yield f"{namespace}{entry.name}", entry


def all_patterns() -> list[tuple[str, URLPattern]]:
    """Every URL pattern of the portal."""
    return list(patterns(get_resolver()))


def declared(access) -> list[str]:
    """The values a view declares."""
    return list(access.values()) if isinstance(access, dict) else [access]


@pytest.mark.parametrize(
    ("name", "pattern"), all_patterns(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_address_declares_who_may_use_it(name, pattern):
    access = getattr(pattern.callback, "access", None)
    assert access, f"{name} does not declare its access"
    assert set(declared(access)) <= {PUBLIC, SIGNED_IN, *PERMISSIONS}, f"{name} declares an unknown right"


def test_every_address_is_in_the_table_and_the_table_holds_no_other():
    assert {name for name, _ in all_patterns()} == set(TABLE)


def test_an_address_is_public_in_the_table_exactly_if_its_view_says_so():
    public = {
        name
        for name, pattern in all_patterns()
        if PUBLIC in declared(getattr(pattern.callback, "access", None))
    }
    assert public == {name for name, row in TABLE.items() if row.public}


@pytest.fixture
def bystander(person):
    """Bea, whose role was made here and holds no right: what an outsider may, and no more."""
    Group.objects.create(name="Bystander")
    return person("bea", "Bystander")


@pytest.fixture
def limited(person):
    """Lia, an agent who reaches one tenant of a connection that is not the one in the table."""
    made = person("lia", "Support agent", is_limited=True)
    TenantScope.objects.create(user=made, connection="elsewhere", tenant_guid="TE-1")
    return made


# Who is not in the table may what these may: a role without rights, an agent of other tenants.
ALIKE = {"bystander": "outsider", "limited": "agent"}
# POST comes last, for it may end the session.
EVERY_METHOD = ("get", "head", "put", "delete", "send", "post")


@pytest.mark.parametrize("who", [None, *PEOPLE, *ALIKE])
def test_the_table_is_what_happens(request, client_of, who):
    user = request.getfixturevalue(who) if who else None
    for name, row in TABLE.items():
        with transaction.atomic():
            browser = client_of(user)
            for method in EVERY_METHOD:
                _check(browser, name, row, method, ALIKE.get(who, who))
            transaction.set_rollback(True)


def _check(browser, name, row, method, who):
    response = browser.generic(method.upper(), reverse(name, kwargs=row.kwargs))
    assert response.status_code == row.status(method, who), f"{method} {name} as {who}"
    if who is None and not row.public:
        assert response["Location"].startswith(reverse("account_login"))
    if response.status_code == 403:
        assert Event.objects.first().action == "access.denied", f"{method} {name} as {who}"
