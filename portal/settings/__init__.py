"""Settings of the portal, all from the environment or one 0600 file; docs/settings.md lists them.

PORTAL_ENV is `production` unless said otherwise: a portal nobody configured refuses to start.
"""

from portal.settings.audit import *  # noqa: F403
from portal.settings.auth import *  # noqa: F403
from portal.settings.database import *  # noqa: F403
from portal.settings.environment import *  # noqa: F403
from portal.settings.environment import BASE_DIR, LOG_LEVELS, PORTAL_ENV, PRODUCTION, env
from portal.settings.gateway import *  # noqa: F403
from portal.settings.mail import *  # noqa: F403
from portal.settings.minimum import demo_check, production_check
from portal.settings.single_sign_on import *  # noqa: F403
from portal.settings.tasks import *  # noqa: F403
from portal.settings.tasks import TASKS_APPS
from portal.settings.web import *  # noqa: F403

SECRET_KEY = env.required("SECRET_KEY")
# Both are "id:base64,id:base64…", the first one is used for new values, the others only to read old ones.
PORTAL_ENCRYPTION_KEYS = env.required("PORTAL_ENCRYPTION_KEYS")
PORTAL_AUDIT_KEYS = env.required("PORTAL_AUDIT_KEYS")
PORTAL_DEMO_PASSPHRASE = env("PORTAL_DEMO_PASSPHRASE", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",  # FORM_RENDERER finds the widget templates through it
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    *TASKS_APPS,
    "provisioning.credentials",
    "portal.core",
    "portal.tasks",
    "portal.audit",
    "portal.form_drafts",
    "portal.staff",
    "portal.directory",
    "portal.changes",
    "portal.tenants",
    "portal.merchants",
    "portal.merchant_users",
    "portal.connectors",
    "portal.connections",
    "portal.keys",
    "portal.demo",
]

MIDDLEWARE = [
    "portal.core.trusted_proxies.ProxyMiddleware",  # before anything that could believe a header
    "portal.core.middleware.RequestIdMiddleware",
    "portal.core.middleware.ServerTimingMiddleware",
    "portal.core.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",  # out here it covers static files and early refusals too
    "django.middleware.security.SecurityMiddleware",  # before what refuses: refusals are not sniffed either
    "portal.core.middleware.SoundRequestMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # BREACH finds no length: it pads at random
    "portal.core.middleware.NoStoreMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.core.health.HealthMiddleware",  # before what needs a host name, a session or the database
    "portal.staff.sessions.SessionSavingMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.core.middleware.TimezoneMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.staff.sessions.SessionLimitsMiddleware",
    "portal.staff.request_limit.RequestLimitMiddleware",
    "portal.form_drafts.middleware.FormDraftMiddleware",
    "portal.staff.middleware.AccessMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "portal.core.bidi.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.core.context_processors.layout_context",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# How old the local index may be before a page refreshes it, in seconds.
INDEX_MAX_AGE = env.int("INDEX_MAX_AGE", old="DIRECTORY_MAX_AGE", default=300)

DEFAULT_EXCEPTION_REPORTER = "portal.core.error_reports.RedactingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.core.error_reports.SilentFilter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "portal.core.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("LOG_LEVEL", *LOG_LEVELS, default="INFO" if PRODUCTION else "WARNING"),
    },
    # Django's own handlers would mail and print what RedactingReporter leaves out.
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")},
}

if PRODUCTION:
    production_check(globals())
elif PORTAL_ENV == "demo":
    demo_check(globals())
