"""What was not read is never shown as none: lists and search on a fresh portal, with and without a worker."""

import pytest

from portal.directory import background, completeness
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import refresh_list_if_stale
from portal.tasks.models import TaskRun, Worker
from portal.tasks.runner import attempt
from tests.gateway import gateway_started
from tests.portal.directory.conftest import away, made

WORDS_OF_NONE = ("No users yet", "No connectors yet", "No merchants yet", "Nothing matches")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway of its own: other tests make more merchants than one page reads at once."""
    started = gateway_started(tmp_path_factory.mktemp("gateway"))
    yield started
    started.stop()


@pytest.fixture
def browser(agent, client_of, connection):
    """Ana's browser, on a portal that has read nothing."""
    return client_of(agent)


@pytest.fixture
def worker(db):
    """A worker gave a sign of life just now."""
    return Worker.objects.create(name="test-worker")


def work():
    """Do what waits, as a worker does."""
    while run := TaskRun.objects.filter(state="waiting").order_by("created_at").first():
        attempt(str(run.pk))


@pytest.mark.parametrize("room", ["merchants", "users", "connectors"])
def test_a_fresh_portal_lists_what_exists_without_a_detour(browser, room):
    page = browser.get(f"/sandbox/{room}/")
    assert page.context["page"].object_list
    assert page.context["state"].complete
    assert not any(words in page.content.decode() for words in WORDS_OF_NONE)


def test_a_fresh_portal_finds_what_exists(browser, connection, monkeypatch):
    # Other tests fill the gateway, and the machine may be busy.
    monkeypatch.setattr("portal.core.middleware.GATEWAY_TIME_OF_A_PAGE", 120.0)
    shop = made(connection.tenant_guid, "Freshly Sought Shop")
    page = browser.get("/search/?q=freshly+sought").content.decode()
    assert shop.guid in page
    assert "This search is incomplete" not in page


@pytest.mark.parametrize("room", ["merchants", "users", "connectors"])
@pytest.mark.parametrize("query", ["", "?q=nowhere-to-be-found"])
def test_a_list_without_time_to_read_says_that_it_is_incomplete(browser, monkeypatch, room, query):
    monkeypatch.setattr("portal.directory.list_views.REFRESH_BUDGET", -1.0)
    monkeypatch.setattr("portal.merchants.views.REFRESH_BUDGET", -1.0)
    text = browser.get(f"/sandbox/{room}/{query}").content.decode()
    assert "Incomplete: read 0 of" in text
    assert not any(words in text for words in WORDS_OF_NONE)


def test_a_search_without_time_to_read_says_what_is_missing(browser, monkeypatch):
    monkeypatch.setattr("portal.directory.search_views.SEARCH_BUDGET", -1.0)
    text = browser.get("/search/?q=nowhere-to-be-found").content.decode()
    assert "This search is incomplete" in text
    assert "Nothing found so far" in text
    assert "Sandbox: connectors of 0 of at least 0 merchants read so far" in text


def test_a_gateway_that_is_away_leaves_a_list_incomplete(browser, connection):
    away(connection)
    text = browser.get("/sandbox/users/").content.decode()
    assert "The gateway has not been readable since" in text
    assert "Not read yet" in text
    assert not any(words in text for words in WORDS_OF_NONE)


def test_refresh_says_what_came_of_it(browser, connection):
    for room in ("tenants", "merchants", "users", "connectors"):
        page = browser.post(f"/sandbox/{room}/", follow=True).content.decode()
        assert "Read from the gateway just now" in page
    away(connection)
    for room in ("tenants", "merchants", "users", "connectors"):
        assert "could not be read" in browser.post(f"/sandbox/{room}/", follow=True).content.decode()


def test_the_worker_reads_everything_before_anybody_asks(browser, connection, worker):
    background.enqueue_missing_lists()
    background.enqueue_missing_lists()
    assert TaskRun.objects.count() == 1
    work()
    assert TaskRun.objects.get().state == "done", TaskRun.objects.get().message
    merchants = IndexedEntity.objects.filter(kind="merchant").count()
    assert merchants > 3
    for kind in ("merchant_user", "connector"):
        assert ListSync.objects.filter(kind=kind, refreshed_at__isnull=False).count() == merchants
    background.enqueue_missing_lists()
    assert not TaskRun.objects.filter(state="waiting").exists()


def test_the_worker_reads_wrong_lists_again_and_skips_a_broken_gateway(connection, worker):
    background.enqueue_missing_lists()
    work()
    ListSync.objects.filter(kind="merchant").update(outdated=True)
    background.enqueue_missing_lists()
    work()
    assert not ListSync.objects.filter(outdated=True).exists()
    away(connection)
    ListSync.objects.filter(kind="tenant").update(outdated=True)
    background.enqueue_missing_lists()
    work()
    background.enqueue_missing_lists()
    assert not TaskRun.objects.filter(state="waiting").exists()


def test_a_run_that_takes_long_lets_others_work_and_goes_on(connection, worker, monkeypatch):
    monkeypatch.setattr(background, "TURN", -1.0)
    background.enqueue_missing_lists()
    work()
    assert TaskRun.objects.count() > 1 or TaskRun.objects.get().arguments["turn"] > 0
    assert (
        ListSync.objects.filter(kind="connector").count()
        == IndexedEntity.objects.filter(kind="merchant").count()
    )


def test_many_merchants_are_read_by_the_worker_and_the_page_shows_how_far_it_is(browser, worker, monkeypatch):
    monkeypatch.setattr(completeness, "READ_AT_ONCE", 1)
    monkeypatch.setattr("portal.directory.list_views.READ_AT_ONCE", 1)
    page = browser.get("/sandbox/users/")
    state = page.context["state"]
    assert state.known == 0 < state.total
    background.enqueue_missing_lists()
    assert f"Reading 0 of {state.total:,} merchants" in browser.get("/sandbox/users/").content.decode()
    search = browser.get("/search/?q=nowhere-to-be-found").content.decode()
    assert "the rest is being read in the background" in search
    work()
    text = browser.get("/sandbox/users/").content.decode()
    assert "Reading" not in text
    assert browser.get("/sandbox/users/").context["state"].complete
    assert (
        "being read again in the background" in browser.post("/sandbox/users/", follow=True).content.decode()
    )
    assert "Reading again" in browser.get("/sandbox/users/").content.decode() or TaskRun.objects.filter(
        state="waiting"
    )


def test_a_long_list_is_left_to_the_worker(browser, connection, worker, monkeypatch):
    refresh_list_if_stale(connection="sandbox", kind="tenant")
    monkeypatch.setattr("portal.directory.list_sync.PAGE_ROWS", 2)
    for number in range(3):
        made(connection.tenant_guid, f"One of many {number}")
    address = f"/sandbox/merchants/?tenant={connection.tenant_guid}"
    text = browser.get(address).content.decode()
    assert "Reading 0 of 1 list" in text
    assert "No merchants yet" not in text
    work()
    page = browser.get(address)
    assert page.context["state"].complete
    assert page.context["state"].large
    assert ListSync.objects.get(kind="merchant", parent_guid=connection.tenant_guid).rows >= 3
    assert page.context["page"].count >= 3
    row = page.context["page"].object_list[0]
    text = browser.get(row["url"]).content.decode()
    assert "This list is too long to read for one page" in text
    assert row["guid"] in text


def test_a_long_list_without_a_worker_says_why_it_is_not_read(browser, connection, monkeypatch):
    monkeypatch.setattr("portal.directory.list_sync.PAGE_ROWS", 0)
    text = browser.get(f"/sandbox/merchants/?tenant={connection.tenant_guid}").content.decode()
    assert "a background worker has to read it. No worker is running" in text


def test_a_list_beyond_the_size_limit_says_the_true_reason(browser, connection, worker, monkeypatch):
    refresh_list_if_stale(connection="sandbox", kind="tenant")
    monkeypatch.setattr("portal.directory.list_sync.PAGE_BYTES", 100)
    monkeypatch.setattr("provisioning.gateway.client.LIST_SIZE_CAP", 100)
    address = f"/sandbox/merchants/?tenant={connection.tenant_guid}"
    browser.get(address)
    work()
    text = browser.get(address).content.decode()
    assert "The list is larger than the portal can read" in text
    assert "Try again in a moment" not in text
    background.enqueue_missing_lists()
    assert not TaskRun.objects.filter(state="waiting").exists()


def test_one_reading_of_missing_lists_is_under_way_at_a_time(connection, worker, monkeypatch):
    monkeypatch.setattr(background, "TURN", -1.0)
    background.enqueue_missing_lists()
    attempt(str(TaskRun.objects.get().pk))  # its turn is over, so it enqueued the next one
    waiting = TaskRun.objects.get(state="waiting")
    assert waiting.arguments["turn"] == 1
    background.enqueue_missing_lists()
    assert background.enqueue_reading(connection="sandbox")
    assert TaskRun.objects.get(state="waiting") == waiting


def test_a_long_list_that_was_read_does_not_wait_for_other_lists(browser, connection, worker, monkeypatch):
    monkeypatch.setattr("portal.directory.list_sync.PAGE_ROWS", 0)
    address = f"/sandbox/merchants/?tenant={connection.tenant_guid}"
    browser.get(address)
    work()
    assert browser.get(address).context["state"].large
    ListSync.objects.filter(kind="connector").update(refreshed_at=None)
    background.enqueue_missing_lists()
    assert TaskRun.objects.filter(state="waiting").exists()
    assert "Reading" not in browser.get(address).content.decode()
    assert "Reading" in browser.get("/sandbox/connectors/").content.decode()
