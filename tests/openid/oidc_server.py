"""The process: `python -m tests.openid.oidc_server PORT FOLDER CLIENT_ID SECRET CALLBACK`."""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages",
    "allauth", "allauth.account", "allauth.idp.oidc",
]  # fmt: skip


def configure(folder: str) -> None:
    """Settings of the provider."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings.configure(
        SECRET_KEY="only for tests", ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF="tests.openid.pages",
        INSTALLED_APPS=APPS,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/openid.sqlite3"}},
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
            "OPTIONS": {"context_processors": [
                "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]},
        }],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        MIGRATION_MODULES={app.rpartition(".")[2]: None for app in [*APPS, "x.allauth_idp_oidc"]},
        ACCOUNT_RATE_LIMITS=False, ACCOUNT_EMAIL_VERIFICATION="none", LOGIN_URL="account_login",
        ACCOUNT_LOGIN_METHODS={"username"}, ACCOUNT_SIGNUP_FIELDS=["username*", "password1*"],
        SESSION_COOKIE_NAME="openid", CSRF_COOKIE_NAME="openid-token", USE_TZ=True,
        IDP_OIDC_PRIVATE_KEY=pem.decode(), IDP_OIDC_ADAPTER="tests.openid.pages.Claims",
    )  # fmt: skip


class Server(ThreadingMixIn, WSGIServer):
    """A browser asks for several things at once."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Without a line per request."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main(port: str, folder: str, client_id: str, client_secret: str, callback: str) -> None:
    """Makes the database and serves until it is ended."""
    configure(folder)
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from allauth.account.signals import authentication_step_completed
    from allauth.idp.oidc.models import Client

    from tests.openid.pages import typed

    authentication_step_completed.connect(typed)
    client = Client(id=client_id, name="Portal", skip_consent=True, redirect_uris=callback)
    client.scopes = "openid\nprofile\nemail"
    client.set_secret(client_secret)
    client.save()
    make_server("127.0.0.1", int(port), get_wsgi_application(), Server, Quiet).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
