"""Ana, a user with an authenticator app, and an OpenID provider with a portal that is set up for it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from portal.staff.mfa import unlock_secrets
from portal.staff.models import User
from tests.conftest import PASSPHRASE
from tests.openid.provider import Provider, Visitor


@pytest.fixture
def ana(person: Callable[..., User]) -> User:
    """Ana, with a passphrase."""
    return person("ana", "Support agent", PASSPHRASE)


@pytest.fixture
def secret(ana: User) -> str:
    """The secret of Ana's authenticator app."""
    made: str = generate_totp_secret()
    with unlock_secrets(ana):
        TOTP.activate(ana, made)
    return made


@pytest.fixture(scope="session")
def openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A running provider."""
    started = Provider(tmp_path_factory.mktemp("openid"))
    yield started
    started.stop()


@pytest.fixture
def provider(openid: Provider, settings: Any, db: None) -> Iterator[Provider]:
    """The provider, and a portal that believes it."""
    settings.OIDC_SERVER_URL = openid.url
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = openid.client_id, openid.secret
    settings.OIDC_NAME = "Example ID"
    settings.OIDC_ROLE_GROUPS = {"portal-admins": "Admin", "support": "Support agent"}
    yield openid
    openid.forget()


@pytest.fixture
def journey(provider: Provider) -> Callable[..., Any]:
    """journey("nora") signs in through the provider: browser here, its last answer, visitor there."""

    def made(username: str, visitor: Visitor | None = None, **form: str) -> Any:
        browser, visitor = Client(), visitor or Visitor(provider, username)
        leaving = browser.post("/accounts/sso/", form)
        assert leaving.status_code == 200, leaving.content
        back = visitor.consent(leaving.context["address"])
        return browser, browser.get(back.removeprefix("http://testserver")), visitor

    return made
