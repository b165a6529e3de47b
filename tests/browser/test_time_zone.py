"""The browser's time zone is offered once to someone whose times are shown in UTC."""

from collections.abc import Callable

import pytest

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


def test_the_browsers_time_zone_is_offered_once(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("manager", timezone_id="Europe/Vienna")
    tab.open("/")
    assert "Your browser uses Europe/Vienna." in tab.text
    tab.check()
    tab.page.get_by_role("button", name="Keep UTC").click()
    tab.open("/")
    assert "Your browser uses" not in tab.text
    other = tab_of("manager", timezone_id="Europe/Vienna")
    other.open("/")
    other.press("Use my time zone")
    assert "Times are now shown in your time zone." in other.text
    assert "times in Europe/Vienna" in other.text
    other.open("/")
    assert "Your browser uses" not in other.text
    with other.page.expect_navigation():  # as other tests expect this person
        other.page.evaluate(
            "() => { const form = document.createElement('form'); form.method = 'post';"
            " form.action = '/accounts/profile/';"
            " for (const [name, value] of [['timezone', 'UTC'], ['csrfmiddlewaretoken',"
            " document.querySelector('[name=csrfmiddlewaretoken]').value]]) {"
            " const field = document.createElement('input'); field.name = name; field.value = value;"
            " form.append(field); } document.body.append(form); form.submit(); }"
        )


def test_a_user_in_utc_is_not_asked_for_a_time_zone(tab_of: Callable[..., Tab]) -> None:
    tab = tab_of("manager", timezone_id="UTC")
    tab.open("/")
    assert "Your browser uses" not in tab.text
