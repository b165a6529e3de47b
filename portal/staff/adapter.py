"""How sign-in with django-allauth behaves here: nobody signs up, and each attempt is recorded."""

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
from portal.core.trusted_proxies import address_of
from portal.staff.backends import StaffBackend
from portal.staff.identity import origin_as, person_named, person_ref
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.login_throttle import (
    address_slot,
    attempt_give_back,
    attempt_reserve,
    attempts_forget,
    attempts_used_up,
    name_slot,
)
from portal.staff.mfa import factors_used
from portal.staff.models import User
from portal.staff.password_confirmation import own_password_is
from portal.staff.pending_login import (
    OVER,
    begin_again,
    first_step_forget,
    first_step_holds,
    first_step_note,
)
from portal.staff.services import password_set
from portal.staff.sessions import step_up_is_fresh

logger = logging.getLogger(__name__)
# How many refusals of an address that is over its limit are recorded: a flood must not fill the trail.
_RECORDED = 20
# The pages say these things themselves.
_SILENT = {
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
    "mfa/messages/recovery_codes_generated.txt",
}


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth's hooks. A sign-in that cannot be recorded does not happen (AuditUnavailable)."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "Too many failed attempts. Try again later, or ask an admin.",
        "username_password_mismatch": "Wrong username or password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Only an admin adds people."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Return whether a page to come back to is of this very origin.

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
        """The first step is done; a second one may follow."""
        first_step_note(request, user)
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def login(self, request: HttpRequest, user: User) -> None:
        """Signs in and records it, both or neither.

        Not somebody who was disabled, or whose sessions were ended, since the first step.
        """
        with transaction.atomic():
            now = User.objects.select_for_update().get(pk=user.pk)
            refused = "" if first_step_holds(request, now) else OVER
            if not StaffBackend().user_can_authenticate(now):
                refused = "disabled"
            first_step_forget(request)
            if not refused:
                super().login(request, user)
                record_event(
                    action="session.signed_in",
                    origin=origin_of(request),
                    outcome="success",
                    message=factors_used(request, user),
                )
        if refused:
            _failure_record(request, {"username": user.username}, refused)
            leave = begin_again(request) if refused == OVER else redirect("account_inactive")
            raise ImmediateHttpResponse(leave)

    def logout(self, request: HttpRequest) -> None:
        """Records who leaves, then signs out: even where it cannot be recorded, an open session is worse."""
        try:
            record_event(action="session.signed_out", origin=origin_of(request), outcome="success")
        except AuditUnavailable:
            logger.exception("A sign-out could not be recorded.")
        super().logout(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Takes a slot for the name and for the address, and commits that, before the password is looked at.

        Raises ValidationError, recorded, if the limit of either is used up.
        """
        self._address, self._name = address_slot(address_of(request)), name_slot(credentials["username"])
        limit = settings.LOGIN_ADDRESS_ATTEMPTS
        self._number = count = 0
        if attempts_used_up(slot=self._address, limit=limit + _RECORDED):
            raise self.validation_error("too_many_login_attempts")
        with transaction.atomic():
            count = attempt_reserve(slot=self._address, limit=limit + _RECORDED)
            if 0 < count <= limit:
                self._number = attempt_reserve(slot=self._name, limit=settings.LOGIN_ATTEMPTS)
        if not self._number:
            if count:
                _failure_record(request, credentials, "too_many_attempts")
            raise self.validation_error("too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person, if the password is theirs; that is no failure, so nothing stays counted."""
        person: User | None = super().authenticate(request, **credentials)
        if person:
            with transaction.atomic():
                attempts_forget(slot=self._name)
                attempt_give_back(slot=self._address)
        return person

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Records a wrong name or password; the page answers the same to both."""
        _failure_record(request, credentials, "not_accepted")
        if self._number == settings.LOGIN_ATTEMPTS:
            _failure_record(request, credentials, "locked", "session.sign_in_locked")

    def reauthenticate(self, user: User, password: str) -> bool:
        """Whether it is the password of the person who is signed in; counted apart from sign-ins."""
        return own_password_is(request=self.request, person=user, password=password)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """allauth asks again what the door asked already (portal.staff.middleware)."""
        return not step_up_is_fresh(self.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:
        """Password, passkey or the OpenID provider; a code from an app alone is not enough."""
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
        """Stores a password somebody chose for themselves, who is signed in."""
        password_set(origin=origin_as(origin_of(self.request), user), person=user, password=password)

    def add_message(  # noqa: PLR0917 - allauth's signature
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """allauth's notices, without those that say what the page shows anyway."""
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, message_context, extra_tags, message)


def _failure_record(
    request: HttpRequest, credentials: dict[str, Any], code: str, action: str = "session.sign_in_failed"
) -> None:
    """The name only if somebody has it: people type passwords into the wrong field."""
    person = person_named(credentials.get("username", ""))
    record_event(
        action=action,
        origin=origin_of(request),
        outcome="failed",
        code=code,
        object=person_ref(person) if person else ObjectRef("unknown_person", "", ""),
    )
