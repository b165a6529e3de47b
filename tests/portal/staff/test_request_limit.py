"""One signed-in person cannot flood the portal; others, and people who are signed out, are not affected."""

import pytest

from portal.audit.models import Event
from portal.staff import request_limit
from portal.staff.request_limit import RequestBudget


@pytest.fixture
def limited(settings, monkeypatch):
    """Twelve requests a minute and a fresh budget: a burst of two."""
    settings.PERSON_REQUESTS_PER_MINUTE = 12
    monkeypatch.setattr(request_limit, "_budget", RequestBudget())


def test_a_flood_is_refused_before_it_leaves_a_record(limited, client_of, agent, manager):
    theirs = client_of(agent)
    answers = [theirs.get("/staff/") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403, 403, 429, 429, 429, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 6
    assert "Too many requests" in answers[-1].content.decode()
    assert Event.objects.filter(action="access.denied").count() <= 2
    assert theirs.post("/changes/").status_code == 429
    assert client_of(manager).get("/").status_code == 200


def test_people_who_are_signed_out_and_health_checks_are_not_counted(limited, client, db):
    assert {client.get("/accounts/login/").status_code for _ in range(5)} == {200}
    assert {client.get("/healthz/live").status_code for _ in range(5)} == {200}


def test_the_budget_fills_up_again_and_forgets_the_longest_unseen(monkeypatch):
    monkeypatch.setattr(request_limit, "_USERS_KEPT", 2)
    budget = RequestBudget()
    assert [budget.seconds_to_wait("a", 60, 0.0) for _ in range(11)] == [0] * 10 + [1.0]
    assert budget.seconds_to_wait("a", 60, 1.0) == 0
    assert budget.seconds_to_wait("a", 60, 1.5) == pytest.approx(0.5)
    for other in ("b", "c"):
        assert budget.seconds_to_wait(other, 60, 1.5) == 0
    assert budget.seconds_to_wait("a", 60, 1.5) == 0
