"""Single sign-on with OpenID Connect: off until OIDC_SERVER_URL is set, then complete or no start."""

from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import PRODUCTION, env

# The provider's issuer, and what it calls this portal.
OIDC_SERVER_URL = env("OIDC_SERVER_URL", default="").rstrip("/")
OIDC_CLIENT_ID = env("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET")
OIDC_NAME = env("OIDC_NAME", default="single sign-on")
OIDC_SCOPES = env.list("OIDC_SCOPES", default=["openid", "profile", "email"])
OIDC_GROUPS_CLAIM = env("OIDC_GROUPS_CLAIM", default="groups")
# A user in several groups gets the role of the one that is named first.
OIDC_ROLE_GROUPS = dict(pair.rpartition("=")[::2] for pair in env.list("OIDC_ROLE_GROUPS", spaces=True))
OIDC_TRUST_SECOND_FACTOR = env.bool("OIDC_TRUST_SECOND_FACTOR", default=False)
OIDC_CA_FILE = env.file("OIDC_CA_FILE")
if OIDC_SERVER_URL:
    if not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET and OIDC_ROLE_GROUPS):
        raise ImproperlyConfigured(
            "OIDC_SERVER_URL needs OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_ROLE_GROUPS, too."
        )
    if PRODUCTION and not OIDC_SERVER_URL.startswith("https://"):
        raise ImproperlyConfigured("OIDC_SERVER_URL must begin with https:// in production.")
    if not all(OIDC_ROLE_GROUPS) or not all(OIDC_ROLE_GROUPS.values()):
        raise ImproperlyConfigured("OIDC_ROLE_GROUPS must read group=Role,other group=Other role.")

SOCIALACCOUNT_ADAPTER = "portal.staff.single_sign_on.SingleSignOnAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an address at the provider opens nobody's account here
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10  # seconds
