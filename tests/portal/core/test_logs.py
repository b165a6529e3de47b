"""Logs and error reports: one JSON line each, with the request id, without what people typed."""

import json
import logging
import sys

from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler
from django.views.debug import get_exception_reporter_class, get_exception_reporter_filter

from portal.core.logs import JsonFormatter, current_request_id


def line(message: str, *args: object, **extra: object) -> dict[str, object]:
    record = logging.LogRecord(
        "portal", logging.INFO, __file__, 1, message, args, extra.pop("exc_info", None)
    )
    record.__dict__.update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def failing(secret: str) -> tuple[object, ...]:
    try:
        try:
            int(secret)
        except ValueError as error:
            raise RuntimeError(secret) from error
    except RuntimeError:
        return sys.exc_info()


def test_a_line_has_time_level_logger_message_and_request() -> None:
    mark = current_request_id.set("abc123")
    try:
        written = line("hello %s\nforged", "you", status=200, colour="blue")
    finally:
        current_request_id.reset(mark)
    assert written["message"] == "hello you\nforged"
    assert written["request_id"] == "abc123"
    assert written["status"] == 200
    assert "colour" not in written


def test_a_one_time_link_leaves_no_key() -> None:
    path = "/accounts/password/set/1-cx2abc-0123456789abcdef/"
    written = line("Forbidden (CSRF cookie not set.): %s", path, path=path)
    assert "cx2abc" not in json.dumps(written)
    assert written["path"] == "/accounts/password/set/***/"


def test_what_django_logs_after_the_answer_still_has_the_request_s_id() -> None:
    request = RequestFactory().get("/x/")
    request.request_id = "abc123"
    assert line("Forbidden: /x/", request=request)["request_id"] == "abc123"
    assert line("no request at all", request=None)["request_id"] == ""


def test_an_exception_leaves_kind_and_place_but_no_text() -> None:
    written = line("it broke", exc_info=failing("CANARY"))
    assert "CANARY" not in json.dumps(written)
    kinds = [link["kind"] for link in written["exception"]]
    assert kinds == ["builtins.RuntimeError", "builtins.ValueError"]
    assert "failing" in written["exception"][0]["places"][0]


def test_an_error_report_holds_neither_post_data_nor_variables_nor_settings() -> None:
    request = RequestFactory().post("/x/", {"password": "CANARY"}, headers={"Authorization": "Basic CANARY"})
    request.request_id = "abc123"
    report = get_exception_reporter_class(request)(request, *failing("CANARY"))
    for text in (report.get_traceback_text(), report.get_traceback_html()):
        assert "CANARY" not in text
        assert "abc123" in text
        assert "RuntimeError" in text


def test_a_mailed_line_without_an_exception_breaks_nothing(mailoutbox, settings) -> None:
    settings.ADMINS = [("Operator", "operator@example.com")]
    mailing = logging.getLogger("portal.tests.mailing")
    mailing.addHandler(AdminEmailHandler(include_html=True))
    mailing.error("Sending change %s broke: %s", "c-1", "RuntimeError")
    (told,) = mailoutbox
    assert "Sending change c-1 broke: RuntimeError" in told.body


def test_the_filter_gives_nothing() -> None:
    request: WSGIRequest = RequestFactory().post("/x/", {"password": "CANARY"})
    silent = get_exception_reporter_filter(request)
    assert silent.is_active(request)
    assert silent.get_safe_settings() == {}
    assert silent.get_post_parameters(request) == {}
    assert silent.get_safe_request_meta(request) == {}
    assert silent.get_safe_cookies(request) == {}
    assert list(silent.get_traceback_frame_variables(request, None)) == []
