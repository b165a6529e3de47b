"""Settings of the portal, all from the environment or one 0600 file; README.md lists them.

PORTAL_ENV is `production` unless said otherwise: a portal nobody configured refuses to start.
"""

import os
import stat
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR") or BASE_DIR / "var").resolve()

env = environ.Env()
_env_file = Path(os.environ.get("PORTAL_ENV_FILE") or DATA_DIR / "portal.env")
if _env_file.is_file():
    if stat.S_IMODE(_env_file.stat().st_mode) & 0o077:
        raise ImproperlyConfigured(
            f"{_env_file} holds keys and must be readable by its owner alone (chmod 600)."
        )
    env.read_env(_env_file)

PORTAL_ENV = env("PORTAL_ENV", default="production")
if PORTAL_ENV not in {"production", "demo", "test"}:
    raise ImproperlyConfigured("PORTAL_ENV must be production, demo or test.")
PRODUCTION = PORTAL_ENV == "production"
DEBUG = env.bool("DEBUG", default=False)


def _required(name: str) -> str:
    """A setting without which the portal does not start."""
    value: str = env(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. `make run` makes a demo; README.md lists what production needs."
        )
    return value


SECRET_KEY = _required("SECRET_KEY")
# Both are "id:base64,id:base64…", the first one is used for new values, the others only to read old ones.
PORTAL_ENCRYPTION_KEYS = _required("PORTAL_ENCRYPTION_KEYS")
PORTAL_AUDIT_KEYS = _required("PORTAL_AUDIT_KEYS")
PORTAL_DEMO_PASSPHRASE = env("PORTAL_DEMO_PASSPHRASE", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

if PRODUCTION:
    if DEBUG:
        raise ImproperlyConfigured("DEBUG must be off in production.")
    if PORTAL_DEMO_PASSPHRASE or "demo-" in SECRET_KEY + PORTAL_ENCRYPTION_KEYS + PORTAL_AUDIT_KEYS:
        raise ImproperlyConfigured("Demo credentials are refused in production: make keys of your own.")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        # One-time links are made for the host that was asked for: it must be one of ours.
        raise ImproperlyConfigured("ALLOWED_HOSTS is not set, or holds “*”.")

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
    "csp",
    "provisioning.connections",
    "portal.console",
    "portal.audit",
    "portal.staff",
    "portal.directory",
    "portal.changes",
    "portal.tenants",
    "portal.merchants",
    "portal.merchant_users",
    "portal.connectors",
    "portal.connections",
    "portal.demo",
]

MIDDLEWARE = [
    "portal.console.middleware.RequestIdMiddleware",
    "portal.console.middleware.ServerTimingMiddleware",
    "portal.console.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",  # out here it covers static files and early refusals too
    "portal.console.middleware.SoundRequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # BREACH finds no length: it pads at random
    "portal.console.middleware.NoStoreMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.console.middleware.TimezoneMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.staff.sessions.SessionLimitsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.staff.middleware.AccessMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.console.context.frame",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'portal.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: deferred transactions lose concurrent writes to "database is locked". FULL: an intent is
    # durable before the first byte is sent. The lock is unfair, so waiting needs room.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ATOMIC_REQUESTS"] = False  # an intent must be committed before its request goes out
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all workers: allauth limits requests with it.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "portal_cache"}}

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = ["portal.staff.backends.StaffBackend"]
PASSWORD_HASHERS = ["portal.staff.passwords.Argon2idHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "portal.staff.passwords.LengthLimitValidator"},
    {"NAME": "portal.staff.passwords.CommonWordsValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
if env.bool("PASSWORD_LETTER_AND_DIGIT", default=False):
    AUTH_PASSWORD_VALIDATORS += [{"NAME": "portal.staff.passwords.LetterAndDigitValidator"}]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "portal.staff.adapter.StaffAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip"}
# Wrong passwords before a name, or an address, has to wait, and for how many seconds.
SIGN_IN_ATTEMPTS = env.int("SIGN_IN_ATTEMPTS", default=5)
SIGN_IN_ADDRESS_ATTEMPTS = env.int("SIGN_IN_ADDRESS_ATTEMPTS", default=100)
SIGN_IN_LOCK_SECONDS = env.int("SIGN_IN_LOCK_SECONDS", default=30 * 60)
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105 - a class, not a password
PASSWORD_RESET_TIMEOUT = 24 * 3600  # seconds that the one-time link of a new person works
# How many proxies stand before the portal: whose X-Forwarded-For is believed.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
ACCOUNT_PREVENT_ENUMERATION = True

# Roles that need a second factor; * is everybody.
SECOND_FACTOR_ROLES = env.list("SECOND_FACTOR_ROLES", default=["*"] if PRODUCTION else [])
MFA_ADAPTER = "portal.staff.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "portal.staff.second_factor_forms.CodeForm",
    "activate_totp": "portal.staff.second_factor_forms.AppForm",
    "authenticate_webauthn": "portal.staff.second_factor_forms.PasskeyForm",
    "reauthenticate_webauthn": "portal.staff.second_factor_forms.PasskeyAgainForm",
    "add_webauthn": "portal.staff.second_factor_forms.PasskeyAddForm",
}
MFA_TOTP_ISSUER = "Provisioning Portal"
MFA_TOTP_TOLERANCE = 0
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# Seconds: a session ends so long after it began, after the last click, and how fresh a step-up must be.
SESSION_COOKIE_AGE = env.int("SESSION_MAX_AGE", default=8 * 3600)
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=15 * 60)
STEP_UP_MAX_AGE = ACCOUNT_REAUTHENTICATION_TIMEOUT = env.int("STEP_UP_MAX_AGE", default=10 * 60)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Not in a cookie of its own, which would carry neither the prefix below nor an end.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
if PRODUCTION:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-portal-session", "__Host-portal-csrf"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if env.bool("BEHIND_TLS_PROXY", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
else:
    SESSION_COOKIE_NAME = "portal-session"  # the other one keeps the name that scripts look for: csrftoken
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Tabler draws its form marks as data: images in the style sheet
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
# Everything a demo makes lies in its data folder.
_static_home = DATA_DIR if PORTAL_ENV == "demo" else BASE_DIR
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(_static_home / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "portal.console.assets.AssetStorage"
        if PORTAL_ENV != "test"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# How old the local index may be before a page refreshes it, in seconds.
DIRECTORY_MAX_AGE = env.int("DIRECTORY_MAX_AGE", default=300)
# One deadline for a whole exchange with the gateway, in seconds of wall clock.
GATEWAY_DEADLINE = env.float("GATEWAY_DEADLINE", default=15.0)
# Whose certificates vouch for the gateway: a PEM file instead of the public list.
GATEWAY_CA_FILE = env("GATEWAY_CA_FILE", default="")
# A change still being sent after this many seconds was interrupted: its outcome is unknown.
CHANGE_INTERRUPTED_AFTER = env.int("CHANGE_INTERRUPTED_AFTER", default=30)
if not 0 < GATEWAY_DEADLINE <= 15 or not GATEWAY_DEADLINE < CHANGE_INTERRUPTED_AFTER <= 60:
    # Absence at the gateway proves something only once no exchange can still be running.
    raise ImproperlyConfigured(
        "GATEWAY_DEADLINE must be at most 15 seconds, and CHANGE_INTERRUPTED_AFTER longer but at most 60."
    )

# Where the head of the audit chain is noted outside the database, and how often of itself (0: never).
AUDIT_ANCHOR_FILE = env("AUDIT_ANCHOR_FILE", default=str(DATA_DIR / "audit-anchors.jsonl"))
AUDIT_ANCHOR_EVENTS = env.int("AUDIT_ANCHOR_EVENTS", default=1000)
AUDIT_ANCHOR_MINUTES = env.int("AUDIT_ANCHOR_MINUTES", default=15)

DEFAULT_EXCEPTION_REPORTER = "portal.console.reports.SilentReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.console.reports.SilentFilter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "portal.console.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env("LOG_LEVEL", default="INFO" if PRODUCTION else "WARNING")},
    # Django's own handlers would mail and print what SilentReporter leaves out.
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")},
}
