"""Names with a direction override reorder nothing but themselves, on whatever page they stand."""

import re
from datetime import date
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.template import engines
from django.urls import reverse
from django.utils import timezone

from portal.audit.list_tables import FILTER_COLUMNS, build_day_table
from portal.audit.models import Event
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.changes.views import COLUMNS as CHANGES
from portal.connections.views import COLUMNS as CONNECTIONS
from portal.core.bidi import isolate
from portal.tasks.views import COLUMNS as TASKS

TURNED = "A\u202edelbasid"
# Text of a page outside of tags and of elements that hold no markup.
PLAIN = re.compile(r"<(title|option|textarea|script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)


def leaks(page):
    """The places at which the override stands in text without being isolated."""
    text = PLAIN.sub("", re.sub(r"<bdi>[^<]*</bdi>", "", page))
    return [text[max(0, found.start() - 60) : found.end() + 20] for found in re.finditer("\u202e", text)]


def test_plain_text_stays_as_it_is_and_markup_is_escaped():
    assert isolate("Café <b>") == "Café &lt;b&gt;"
    assert isolate("\u202e<b>") == "<bdi>\u202e&lt;b&gt;</bdi>" and isolate("שלום") == "<bdi>שלום</bdi>"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<p>{{ x }}</p>", "<p><bdi>%s</bdi></p>"),
        ("<a title=\"{{ x }}\" href='{{ x }}'>{{ x }}</a>", "<a title=\"%s\" href='%s'><bdi>%s</bdi></a>"),
        ('<i{% if x %} title="a > {{ x }}"{% endif %}>{{ x }}</i>', '<i title="a > %s"><bdi>%s</bdi></i>'),
        ("<title>{{ x }}</title>{{ x }}", "<title>%s</title><bdi>%s</bdi>"),
        (
            "<option>{{ x }}</option><textarea>{{ x }}</textarea>",
            "<option>%s</option><textarea>%s</textarea>",
        ),
        ("{% for y in xs %}<b>{{ y }}</b>{% endfor %}", "<b><bdi>%s</bdi></b>"),
        ("{% block title %}{{ x }}{% endblock %}<p>{{ x }}", "%s<p><bdi>%s</bdi>"),
        ("<!-- <p --> {{ x }} 1 < 2 {{ x }}", "<!-- <p --> <bdi>%s</bdi> 1 < 2 <bdi>%s</bdi>"),
    ],
)
def test_variables_are_isolated_only_in_text(source, shown, tmp_path, settings):
    from django.template import Context, Engine

    (tmp_path / "page.html").write_text(source)
    loaders = [("portal.core.bidi.Loader", [("django.template.loaders.filesystem.Loader", [tmp_path])])]
    engine = Engine(loaders=loaders)
    page = engine.get_template("page.html").render(Context({"x": TURNED, "xs": [TURNED]}))
    assert page == shown.replace("%s", TURNED)


def test_the_portal_renders_with_this_loader():
    assert type(engines["django"].engine.template_loaders[0]).__module__ == "portal.core.bidi"


def test_sentences_and_pages_isolate_names(client_of, admin, agent):
    """Every page of the trail and of people, with a person and an object that are called so."""
    agent.username, agent.first_name, agent.last_name = TURNED, "Zoe\u202e", "Quark"
    agent.save()
    origin = Origin(agent.pk, agent.called, "Support agent", "", "192.0.2.1", "r")
    for action in ("change.intent", "change.accepted"):
        event = record_event(
            action=action,
            origin=origin,
            object=ObjectRef("person", str(agent.pk), TURNED, "p", TURNED),
            before={"name": "x"},
            after={"name": TURNED},
            reason=f"because {TURNED}",
            message=TURNED,
            request={"name": TURNED},
        )
    assert f"person “<bdi>{TURNED}</bdi>”" in Event.objects.first().sentence_html
    browser = client_of(admin)
    paths = [
        reverse("audit:list"), reverse("audit:page", args=[event.pk]), reverse("audit:review"),
        reverse("audit:review_day", args=[f"{event.time:%Y-%m-%d}"]), f"/audit/?object={TURNED}",
        reverse("staff:list"), reverse("staff:page", args=[agent.pk]), "/staff/access/", "/",
    ]  # fmt: skip
    seen = 0
    for path in paths:
        page = browser.get(path).content.decode()
        assert not leaks(page), (path, leaks(page))
        seen += "<bdi>" in page
    assert seen >= 5
    assert not leaks(client_of(agent).get("/").content.decode())


def test_cells_of_lists_isolate_names():
    change = SimpleNamespace(pk=uuid4(), title=TURNED, reason=TURNED)
    connection = SimpleNamespace(colour="blue", slug="production", name=TURNED)
    task = SimpleNamespace(run=SimpleNamespace(title=TURNED, owner_name=TURNED, owner_id=None))
    saved = {"saved": SimpleNamespace(query="", name=TURNED), "words": TURNED}
    for column, row, count in (
        (CHANGES[0], change, 2),
        (FILTER_COLUMNS[0], saved, 2),
        (CONNECTIONS[0], (connection, None), 1),
        (TASKS[0], task, 2),
    ):
        assert str(column.value(row)).count(f"<bdi>{TURNED}</bdi>") == count, column.label


def test_the_table_of_reviewed_days_isolates_names(rf):
    signed = SimpleNamespace(sequence=7, time=timezone.now(), actor_name=TURNED, reason=TURNED)
    day = SimpleNamespace(signed=signed, date=date(2026, 11, 24), events=3, over=True, due=False)
    request = rf.get("/")
    request.user = SimpleNamespace(timezone="UTC")
    assert build_day_table(request, [day]).body().count(f"<bdi>{TURNED}</bdi>") == 2
