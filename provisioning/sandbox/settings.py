"""Settings of the embedded gateway. It keeps to its own database and never opens the portal's."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from provisioning.sandbox.production import is_production

CHECKOUT = Path(__file__).resolve().parents[2]
DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR") or CHECKOUT / "var")
if is_production(DATA_DIR):
    raise ImproperlyConfigured("The embedded gateway does not run where PORTAL_ENV is production.")

DEBUG = False
# Nothing outlives a process that is signed with it: there are no sessions and no signed cookies.
SECRET_KEY = secrets.token_urlsafe(48)

# Other names are refused, so that a web page elsewhere cannot reach the pages under another host name
# (DNS rebinding); sandbox_serve --allow-remote opens the API and --allow-remote-pages the pages.
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
SANDBOX_PAGES_REMOTE = False

INSTALLED_APPS = ["provisioning.sandbox"]
MIDDLEWARE = [
    "provisioning.sandbox.pages.PageProtection",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "provisioning.sandbox.urls"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "sandbox.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
CSRF_COOKIE_NAME = "sandbox_csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "ERROR"},
    # Refusals are everyday answers here, not log lines.
    "loggers": {"django": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
