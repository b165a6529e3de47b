"""Settings are read strictly: what is not understood is refused, naming the setting and never its value."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import Environment, read_env_file, read_file

CANARY = "CANARY-7c1f"


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    """A settings file with this text, readable by its owner only."""
    path = tmp_path / "portal.env"
    path.write_bytes(text.encode(encoding))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("export NAME=plain", "plain"),
        ("NAME=", ""),
        ("NAME=$dollar$HOME", "$dollar$HOME"),
        ("NAME='$a b # c'", "$a b # c"),
        ('NAME="a \\"b\\" \\\\"', 'a "b" \\'),
        (r"NAME='it\'s'", "it's"),
        ("NAME=a=b==", "a=b=="),
        ("NAME=a#b", "a#b"),
        ("NAME=plain  ", "plain"),
    ],
)
def test_a_line_means_what_it_says(tmp_path, line, value) -> None:
    assert read_file(written(tmp_path, f"# comment\r\n\r\n{line}\r\nOTHER=1")) == {
        "NAME": value,
        "OTHER": "1",
    }


def test_a_byte_order_mark_does_not_swallow_the_first_line(tmp_path) -> None:
    assert read_file(written(tmp_path, "NAME=1\nOTHER=2\n", "utf-8-sig")) == {"NAME": "1", "OTHER": "2"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"NAME = {CANARY}", "NAME"),
        (f"NAME ={CANARY}", "NAME"),
        (f"NAME= {CANARY}", "NAME"),
        (f"NAME={CANARY} # comment", "NAME"),
        (f"NAME={CANARY} {CANARY}", "NAME"),
        (f"NAME='{CANARY}", "NAME"),
        (f'NAME="{CANARY}" # comment', "NAME"),
        (f"OTHER=1\nNAME={CANARY}\nNAME={CANARY}", "NAME"),
        (f"{CANARY}", "line 1"),
        (f"OTHER=1\n-NAME={CANARY}", "line 2"),
        (f"NA-ME={CANARY}", "line 1"),
    ],
)
def test_a_line_that_is_not_understood_is_refused_without_its_value(tmp_path, text, named) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read_file(written(tmp_path, text))
    assert named in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_file_that_others_can_read_or_that_is_not_text_is_refused(tmp_path) -> None:
    path = written(tmp_path, "NAME=1")
    path.chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match="chmod 600"):
        read_file(path)
    with pytest.raises(ImproperlyConfigured, match="UTF-8"):
        read_file(written(tmp_path, "NAME=ä", "utf-16"))


def test_a_named_file_that_is_missing_or_a_folder_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_ENV_FILE", str(tmp_path / "absent.env"))
    with pytest.raises(ImproperlyConfigured, match="PORTAL_ENV_FILE names a file that does not exist"):
        read_env_file()
    monkeypatch.setenv("PORTAL_ENV_FILE", str(tmp_path))
    with pytest.raises(ImproperlyConfigured, match="PORTAL_ENV_FILE is not a file"):
        read_env_file()
    monkeypatch.setenv("PORTAL_ENV_FILE", os.devnull)
    assert read_env_file() == {}


@pytest.mark.parametrize("text", ["true", "TRUE", "yes", "on", "1"])
def test_what_is_true_is_true(text) -> None:
    assert Environment({"NAME": text}).bool("NAME", default=False) is True


@pytest.mark.parametrize("text", ["false", "No", "off", "0"])
def test_what_is_false_is_false(text) -> None:
    assert Environment({"NAME": text}).bool("NAME", default=True) is False


@pytest.mark.parametrize("text", ["true # always", "enabled", "y", "2", "wahr", "truee"])
def test_anything_else_is_not_a_truth_value(text) -> None:
    with pytest.raises(ImproperlyConfigured, match="NAME must be true or false"):
        Environment({"NAME": text}).bool("NAME", default=False)


@pytest.mark.parametrize("text", ["1_000", "1.0", "1e3", "٣", "0x10", "five", "1,000", "9" * 20])
def test_only_digits_are_a_whole_number(text) -> None:
    with pytest.raises(ImproperlyConfigured, match="NAME must be a whole number"):
        Environment({"NAME": text}).int("NAME", default=1)


def test_numbers_have_bounds_and_empty_means_the_default() -> None:
    assert Environment({"NAME": ""}).int("NAME", default=7) == 7
    with pytest.raises(ImproperlyConfigured, match="NAME must be at least 0"):
        Environment({"NAME": "-1"}).int("NAME", default=7)
    with pytest.raises(ImproperlyConfigured, match="NAME must be from 1 to 5"):
        Environment({"NAME": "6"}).int("NAME", default=3, lowest=1, highest=5)


def test_lists_lose_the_blanks_around_their_items_and_take_none_inside() -> None:
    read = Environment({"HOSTS": "a, b ,c,", "ROLES": "Admin, Support agent", "NONE": ""})
    assert read.list("HOSTS") == ["a", "b", "c"]
    assert read.list("ROLES", spaces=True) == ["Admin", "Support agent"]
    assert read.list("NONE", default=["*"]) == []
    assert read.list("UNSET", default=["*"]) == ["*"]
    with pytest.raises(ImproperlyConfigured, match="HOSTS must be a list separated by commas"):
        Environment({"HOSTS": "a b"}).list("HOSTS")


@pytest.mark.parametrize(
    "value", [f" {CANARY}", f"{CANARY}\n", f"{CANARY}\u200b", f"\ufeff{CANARY}", f"{CANARY}\xa0"]
)
def test_blanks_around_a_value_and_invisible_characters_are_refused(value) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        Environment({"NAME": value})("NAME")
    assert "NAME" in str(refused.value) and CANARY not in str(refused.value)


def test_a_value_that_begins_with_a_dollar_is_itself() -> None:
    assert Environment({"NAME": "$HOME", "HOME": "/elsewhere"})("NAME") == "$HOME"


@pytest.mark.parametrize("password", ["a/b", "a?b", "7/b", "7?b", "a/b@c"])
def test_a_password_that_must_be_encoded_is_refused_without_a_part_of_it(password) -> None:
    url = f"postgres://portal:{password}{CANARY}@database:5432/portal"
    with pytest.raises(ImproperlyConfigured, match="Percent-encode") as refused:
        Environment({"DATABASE_URL": url}).db("DATABASE_URL")
    told = f"{refused.value!r}{refused.value.__cause__!r}{refused.value.__context__!r}"
    assert CANARY not in told and password not in told


PASSWORDS = {"a%2Fb": "a/b", "a%3Fb": "a?b", "a#b": "a#b", "a:b": "a:b", "a[b": "a[b", "$a": "$a"}


@pytest.mark.parametrize(("password", "right"), PASSWORDS.items())
def test_other_passwords_are_read(password, right) -> None:
    found = Environment({"URL": f"postgres://portal:{password}@database:5432/portal"}).db("URL")
    assert (found["PASSWORD"], found["HOST"], found["NAME"]) == (right, "database", "portal")


def test_other_databases_and_mail_schemes_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must begin with postgres"):
        Environment({"DATABASE_URL": f"mysql://{CANARY}@h/db"}).db("DATABASE_URL")
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must begin with smtp"):
        Environment({"EMAIL_URL": f"mail.example.com:{CANARY}"}).email("EMAIL_URL")
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL cannot be read"):
        Environment({"EMAIL_URL": "smtp+tls://ann:p/w@mail.example.com"}).email("EMAIL_URL")


def test_a_secret_may_be_in_a_file_of_its_own(tmp_path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{CANARY}\n")
    assert Environment({"KEY_FILE": str(file)}).required("KEY") == CANARY
    with pytest.raises(ImproperlyConfigured, match="Set KEY or KEY_FILE, not both"):
        Environment({"KEY_FILE": str(file), "KEY": "x"}).required("KEY")
    with pytest.raises(ImproperlyConfigured, match="KEY_FILE cannot be read"):
        Environment({"KEY_FILE": str(tmp_path / "none")}).required("KEY")


def test_a_renamed_setting_still_works_and_is_remembered() -> None:
    read = Environment({"OLD_NAME": "3"})
    assert read.int("NEW_NAME", default=5, old="OLD_NAME") == 3
    assert read.renamed == {"OLD_NAME": "NEW_NAME"}
    with pytest.raises(ImproperlyConfigured, match="OLD_NAME is now called NEW_NAME"):
        Environment({"OLD_NAME": "3", "NEW_NAME": "4"}).int("NEW_NAME", default=5, old="OLD_NAME")


def test_the_process_itself_was_started_with_settings_it_knows() -> None:
    from portal.core.checks import settings_warnings

    assert settings_warnings() == []
    assert os.environ["PORTAL_ENV"] == "test"
