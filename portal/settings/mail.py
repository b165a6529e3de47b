"""How the portal sends all of its mails: without EMAIL_URL not at all, but a demo writes files instead."""

from portal.settings.environment import DATA_DIR, PORTAL_ENV, env

EMAIL_URL = env.secret("EMAIL_URL")
MAIL_ON = bool(EMAIL_URL) or PORTAL_ENV == "demo"
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", default="portal@localhost")
if EMAIL_URL:
    globals().update(env.email("EMAIL_URL"))
elif MAIL_ON:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(DATA_DIR / "mails")
else:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
