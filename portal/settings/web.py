"""Protection of the browser: cookies, TLS, headers, static files, upload sizes."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import BASE_DIR, DATA_DIR, PORTAL_ENV, PRODUCTION, env

# Peers whose X-Forwarded-… headers are looked at, and how many of them stand before the portal.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
if (ALLAUTH_TRUSTED_PROXY_COUNT or BEHIND_TLS_PROXY) and not TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "TRUSTED_PROXY_COUNT and BEHIND_TLS_PROXY believe what a proxy says: TRUSTED_PROXIES must name it."
    )
# Whose callers, besides this machine's own, /healthz/ready tells what is wrong.
HEALTH_NETWORKS = env.networks("HEALTH_NETWORKS", default=[])
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.form_drafts.views.form_expired"
# Not in a cookie of its own, which would carry neither the prefix below nor an end.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
if PRODUCTION:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-portal-session", "__Host-portal-csrf"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if BEHIND_TLS_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
else:
    SESSION_COOKIE_NAME = "portal-session"  # the other one keeps the name that scripts look for: csrftoken
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "object-src": [NONE],  # said although it follows: checklists ask for the word
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

STATIC_URL = "/static/"
# Everything a demo makes lies in its data folder.
_static_home = DATA_DIR if PORTAL_ENV == "demo" else BASE_DIR
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(_static_home / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "portal.core.static_storage.AssetStorage"
        if PORTAL_ENV != "test"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Files and long bodies are refused before they are read (portal.core.middleware, SoundRequestMiddleware).
FILE_UPLOAD_HANDLERS = ["portal.core.middleware.RefuseFiles"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
