"""Sign-in: passwords, attempts, second factors, sessions."""

from portal.settings.environment import PRODUCTION, env

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
# allauth counts requests under a lock for each address: a whole office behind one address would queue for it.
# Attempts are counted in portal.staff.login_throttle instead, and portal.staff.login_queue bounds the work.
ACCOUNT_RATE_LIMITS = {"login": "", "single_sign_on": "120/m/ip"}
# How many may wait to sign in, in each worker process: four of its threads are left for pages.
LOGIN_QUEUE_CAPACITY = max(1, env.int("WEB_THREADS", default=24) - 4)
# Wrong passwords before a name, or an address, has to wait, and for how many seconds.
LOGIN_ATTEMPTS = env.int("LOGIN_ATTEMPTS", old="SIGN_IN_ATTEMPTS", default=5)
LOGIN_ADDRESS_ATTEMPTS = env.int("LOGIN_ADDRESS_ATTEMPTS", old="SIGN_IN_ADDRESS_ATTEMPTS", default=100)
LOGIN_LOCK_SECONDS = env.int("LOGIN_LOCK_SECONDS", old="SIGN_IN_LOCK_SECONDS", default=30 * 60)
# Hours that a one-time link works, and that a second admin has to consent to the reset of a second factor.
ONE_TIME_LINK_HOURS = env.int("ONE_TIME_LINK_HOURS", default=24)
MFA_RESET_HOURS = env.int("MFA_RESET_HOURS", old="SECOND_FACTOR_RESET_HOURS", default=24)
ACCOUNT_PREVENT_ENUMERATION = True

# Requests that one signed-in person may send each server process in a minute; 0: no limit.
PERSON_REQUESTS_PER_MINUTE = env.int("PERSON_REQUESTS_PER_MINUTE", default=1200)

# Roles that need a second factor; * is everybody.
MFA_ROLES = env.list("MFA_ROLES", old="SECOND_FACTOR_ROLES", default=["*"] if PRODUCTION else [], spaces=True)
# Days after which the next access review is due; 0 for no reminders.
ACCESS_REVIEW_DAYS = env.int("ACCESS_REVIEW_DAYS", default=92)
ACCOUNT_FORMS = {
    "login": "portal.staff.forms.SignInForm",
    "reauthenticate": "portal.staff.forms.PasswordAgainForm",
}
MFA_ADAPTER = "portal.staff.mfa.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "portal.staff.mfa_forms.CodeForm",
    "activate_totp": "portal.staff.mfa_forms.AppForm",
    "authenticate_webauthn": "portal.staff.mfa_forms.PasskeyForm",
    "reauthenticate_webauthn": "portal.staff.mfa_forms.PasskeyAgainForm",
    "add_webauthn": "portal.staff.mfa_forms.PasskeyAddForm",
}
MFA_TOTP_ISSUER = "Provisioning Portal"
MFA_TOTP_TOLERANCE = 0
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# Seconds: a session ends so long after it began, after the last click, and how fresh a step-up must be.
SESSION_COOKIE_AGE = env.int("SESSION_MAX_AGE", default=8 * 3600)
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=15 * 60)
STEP_UP_MAX_AGE = ACCOUNT_REAUTHENTICATION_TIMEOUT = env.int("STEP_UP_MAX_AGE", default=10 * 60)
