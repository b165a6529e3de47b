"""Every address answers every person with what tests/access_table.py says; a forgotten address fails."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.audit.models import Event
from portal.console.access import PUBLIC, SIGNED_IN
from portal.staff.roles import PERMISSIONS
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


@pytest.mark.parametrize("who", [None, *PEOPLE])
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_what_happens(request, client_of, name, who):
    row = TABLE[name]
    user = request.getfixturevalue(who) if who else None
    browser = client_of(user)
    for method in ("get", "post"):
        response = getattr(browser, method)(reverse(name, kwargs=row.kwargs))
        assert response.status_code == row.status(method, who), f"{method} {name} as {who}"
        if who is None and not row.public:
            assert response["Location"].startswith(reverse("account_login"))
        if response.status_code == 403:
            assert Event.objects.first().action == "access.denied"


@pytest.mark.parametrize("name", TABLE)
def test_other_methods_open_nothing(client_of, outsider, name):
    row = TABLE[name]
    nobody, somebody = client_of(None), client_of(outsider)
    for method in ("put", "patch", "delete", "head"):
        response = getattr(nobody, method)(reverse(name, kwargs=row.kwargs))
        assert row.public or response.status_code == 302
        if not row.public and method != "head" and name != "account_change_password":
            answer = getattr(somebody, method)(reverse(name, kwargs=row.kwargs))
            assert answer.status_code in (403, 405)
