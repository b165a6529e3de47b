"""The provider from the tests' side: starts it, tells it its people, signs in at it as a browser would."""

import re
import secrets
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from tests.checks.tree import CHECKOUT
from tests.running.demo import free_port

PASSWORD = "the password at the provider"


class Provider:
    """A running provider; `url` is its issuer. Signing in at it happens in a browser of its own."""

    client_id = "portal"

    def __init__(self, folder: Path, portal_port: int = 0) -> None:
        self.portal_port = portal_port
        base = f"http://127.0.0.1:{portal_port}" if portal_port else "http://testserver"
        self.port, self.secret = free_port(), secrets.token_urlsafe(16)
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [str(self.port), str(folder), self.client_id, self.secret]
        arguments.append(f"{base}/accounts/sso/callback/")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.openid.oidc_server", *arguments], cwd=CHECKOUT
        )
        for _ in range(2400):
            with suppress(requests.ConnectionError):
                requests.get(f"{self.url}/.well-known/openid-configuration", timeout=60).raise_for_status()
                return
            assert self.process.poll() is None, "the provider ended"
            time.sleep(0.05)
        raise AssertionError("the provider did not start")

    @property
    def settings(self) -> dict[str, str]:
        """Environment of a portal that believes it."""
        return {
            "OIDC_SERVER_URL": self.url,
            "OIDC_CLIENT_ID": self.client_id,
            "OIDC_CLIENT_SECRET": self.secret,
            "OIDC_NAME": "Example ID",
            "OIDC_ROLE_GROUPS": "portal-admins=Admin,support=Support agent",
        }

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(timeout=60)

    def person(self, username: str, *groups: str, **claims: Any) -> str:
        """Someone known there, in these groups; their subject."""
        stated = {"username": username, "password": PASSWORD, "groups": groups, **claims}
        answer = requests.put(f"{self.url}/people/", json=stated, timeout=60)
        answer.raise_for_status()
        return answer.text

    def forget(self) -> None:
        """What was said of its people, and what was wrong with them, is over."""
        requests.delete(f"{self.url}/people/", timeout=60).raise_for_status()


class Visitor:
    """A person's browser at the provider, which remembers them."""

    def __init__(self, provider: Provider, username: str) -> None:
        self.provider, self.username, self.session = provider, username, requests.Session()

    def consent(self, address: str) -> str:
        """Goes where the portal sends people, signs in as asked; the address back at the portal."""
        for _ in range(8):
            answer = self.session.get(address, allow_redirects=False, timeout=60)
            if answer.is_redirect:
                address = requests.compat.urljoin(address, answer.headers["Location"])
            else:
                answer.raise_for_status()
                address = requests.compat.urljoin(address, self._typed(address, answer.text))
            if not address.startswith(self.provider.url):
                return address
        raise AssertionError(f"no way back to the portal from {address}")

    def _typed(self, address: str, page: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        wanted = re.search(r'name="next" value="([^"]+)"', page)
        assert token and wanted, page
        fields = {"login": self.username, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        fields["next"] = wanted[1].replace("&amp;", "&")
        answer = self.session.post(address, fields, allow_redirects=False, timeout=60)
        assert answer.is_redirect, answer.text
        return str(answer.headers["Location"])
