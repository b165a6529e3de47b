"""Sign-in with django-allauth: no sign-up, an attempt limit, and every attempt in the audit trail."""

import logging
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from portal.audit.recording import AuditUnavailable, ObjectRef, origin_of, record_event
from portal.core.trusted_proxies import get_address
from portal.staff.backends import StaffBackend
from portal.staff.identity import find_user, get_user_ref, origin_as, signs_in_elsewhere
from portal.staff.login_throttle import address_slot, limit_attempts, name_slot, own_password_slot
from portal.staff.mfa import describe_factors_used
from portal.staff.models import User
from portal.staff.pending_login import (
    OVER,
    end_pending_login,
    is_pending_login_valid,
    restart_login,
    start_pending_login,
)
from portal.staff.services import set_password
from portal.staff.sessions import is_step_up_fresh

logger = logging.getLogger(__name__)
# Messages of allauth that repeat what the page shows.
_SILENT = {
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
    "mfa/messages/recovery_codes_generated.txt",
}


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Hooks of allauth. A sign-in that cannot be recorded does not happen (AuditUnavailable)."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "Too many failed attempts. Try again later, or ask an admin.",
        "username_password_mismatch": "Wrong username or password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: only admins create users."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Return whether a page to return to has this exact origin.

        Not of another name in ALLOWED_HOSTS, and not over http where this request came over https.
        """
        own = (self.request.scheme, self.request.get_host())
        try:
            place = urlsplit(url)
            path = url.startswith("/") and not url.startswith("//")
            same = path or (place.scheme, place.netloc) == own
            return same and url_has_allowed_host_and_scheme(url, own[1], self.request.is_secure())
        except ValueError:  # an address that cannot be read
            return False

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Mark that the password was right; a second factor may follow."""
        start_pending_login(request, user)
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign the user in and record it, both or neither.

        Refuse users who were disabled, or whose sessions were ended, since the first step.
        """
        with transaction.atomic():
            now = User.objects.select_for_update().get(pk=user.pk)
            refused = "" if is_pending_login_valid(request, now) else OVER
            if not StaffBackend().user_can_authenticate(now):
                refused = "disabled"
            end_pending_login(request)
            if not refused:
                super().login(request, user)
                record_event(
                    action="session.signed_in",
                    origin=origin_of(request),
                    outcome="success",
                    message=describe_factors_used(request, user),
                )
        if refused:
            record_event(
                action="session.sign_in_failed",
                origin=origin_of(request),
                outcome="failed",
                code=refused,
                object=get_user_ref(user),
            )
            leave = restart_login(request) if refused == OVER else redirect("account_inactive")
            raise ImmediateHttpResponse(leave)

    def logout(self, request: HttpRequest) -> None:
        """Record the sign-out, then sign out. An open session is worse than a missing record."""
        try:
            record_event(action="session.signed_out", origin=origin_of(request), outcome="success")
        except AuditUnavailable:
            logger.exception("A sign-out could not be recorded.")
        super().logout(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Skip allauth's own limit: `authenticate` reserves the attempt."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the user if the password is right; the page answers the same to a wrong name or password.

        Raises ValidationError if the limit of the name or the address is used up.
        """
        meant = find_user(credentials["username"])
        with limit_attempts(
            request,
            slot=name_slot(credentials["username"]),
            address=address_slot(get_address(request)),
            # An unknown name is not recorded: people type passwords into the wrong field.
            target=get_user_ref(meant) if meant else ObjectRef("unknown_person", "", ""),
            failed="session.sign_in_failed",
            locked="session.sign_in_locked",
        ) as attempt:
            user: User | None = super().authenticate(request, **credentials)
            attempt.accepted = user is not None
        return user

    def reauthenticate(self, user: User, password: str) -> bool:
        """Return whether it is the password of the user, who is signed in.

        Wrong ones are counted apart from those at the sign-in page: a stranger who locks a name there must
        not stop its owner. Raises ValidationError after LOGIN_ATTEMPTS wrong ones.
        """
        with limit_attempts(
            self.request,
            slot=own_password_slot(user),
            target=get_user_ref(user),
            failed="session.step_up_failed",
            locked="session.step_up_locked",
        ) as attempt:
            attempt.accepted = user.check_password(password)
        return attempt.accepted

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Return whether allauth asks again; the middleware has normally asked already."""
        return not is_step_up_fresh(self.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:
        """Return password, passkey and the OpenID provider; a code from an app is not enough."""
        methods = []
        if user.has_usable_password():
            methods.append({"description": "Use your password", "url": reverse("account_reauthenticate")})
        if is_mfa_enabled(user, [Authenticator.Type.WEBAUTHN]):
            methods.append({"description": "Use a passkey", "url": reverse("mfa_reauthenticate_webauthn")})
        if signs_in_elsewhere(user):
            there = {"description": f"Confirm at {settings.OIDC_NAME}", "url": reverse("staff:sso_confirm")}
            methods.append(there)
        return methods

    def set_password(self, user: User, password: str) -> None:
        """Store a password that a signed-in user chose."""
        set_password(origin=origin_as(origin_of(self.request), user), user=user, password=password)

    def add_message(  # noqa: PLR0917 - allauth's signature
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Add a message of allauth unless the page shows the same."""
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, message_context, extra_tags, message)
