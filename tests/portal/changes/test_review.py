"""The review page shows what an operation's renderer shows, by default the table of rows."""

import pytest

from portal.changes import review
from portal.changes.review import ReviewRenderer, get_review_renderer, register_review_renderer
from provisioning.operations import OPERATIONS
from provisioning.registry import Registry
from tests.portal.changes.test_updating import prepared


@pytest.fixture
def renderers(monkeypatch):
    """Let the test register renderers of its own."""
    monkeypatch.setattr(review, "_RENDERERS", Registry("review renderers"))


def test_a_registered_renderer_draws_the_changes_of_its_operation(browser, merchant, relay, renderers):
    change = prepared(browser, merchant, city="Linz")
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert 'id="change-rows"' in page and "Linz" in page
    register_review_renderer(
        "merchant.update",
        ReviewRenderer("partials/empty.html", lambda shown: {"title": f"Moves to {shown.rows[0]['new']}"}),
    )
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert "Moves to Linz" in page and 'id="change-rows"' not in page


def test_other_operations_keep_the_table(renderers):
    register_review_renderer("routing.replace", ReviewRenderer("partials/empty.html", lambda change: {}))
    templates = {name: get_review_renderer(name).template for name in OPERATIONS}
    assert templates.pop("routing.replace") == "partials/empty.html"
    assert set(templates.values()) == {"changes/partials/rows.html"}


def test_an_unknown_or_second_registration_fails(renderers):
    renderer = ReviewRenderer("partials/empty.html", lambda change: {})
    with pytest.raises(KeyError):
        register_review_renderer("routing.swap", renderer)
    register_review_renderer("routing.replace", renderer)
    with pytest.raises(ValueError, match="already registered"):
        register_review_renderer("routing.replace", renderer)
