"""Commands that operators or timers run say what is wrong in a sentence, and fail only if something is."""

import pytest
from django.core.management import CommandError, call_command

from provisioning.credentials.models import Connection


@pytest.mark.django_db
def test_a_connection_without_a_credential_does_not_fail_the_refresh(capsys) -> None:
    Connection.objects.create(slug="live", name="Live", base_url="https://gateway.example.com/api")
    call_command("directory_refresh")
    assert "live  left out: no credential has been set yet" in capsys.readouterr().out


@pytest.mark.django_db
def test_an_unknown_role_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match=r"“Boss”.*Manager, Admin"):
        call_command("staff_create", username="ada", role="Boss")
