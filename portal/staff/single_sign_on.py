"""Single sign-on: which user the claims of the OpenID provider belong to, and who is refused.

allauth talks to the provider; the views are in portal.staff.single_sign_on_views. A person is known by the
provider's subject alone, never by name or address, and has the role of their groups in OIDC_ROLE_GROUPS.
"""

import time
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.audit.recording import ObjectRef, origin_of, record_event
from portal.staff.identity import person_ref
from portal.staff.identity_tokens import CLOCK_TOLERANCE
from portal.staff.idp_mfa import provider_id
from portal.staff.models import User
from portal.staff.sessions import PASSWORD_AGAIN, PROVED_ELSEWHERE, record_proof, record_step_up
from portal.staff.sso_users import ProviderRefused, get_person_from_claims

CONFIRM = "redirect"  # allauth's name for a journey that ends at a page, without a sign-in


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Hooks of allauth. The only provider comes from settings: rows in the database add no other."""

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Return the provider of the settings, none while single sign-on is off."""
        return [_app()] if settings.OIDC_SERVER_URL else []

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Return False: pre_social_login creates users."""
        return False

    def get_requests_session(self) -> Any:
        """Return a session without proxies or keys from the environment, and without redirects."""
        session = super().get_requests_session()
        session.trust_env, session.max_redirects = False, 0
        session.verify = settings.OIDC_CA_FILE or True
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Sign the user in, or confirm a step-up. Raises ImmediateHttpResponse otherwise."""
        try:
            token, claims = _claims(sociallogin)
            if sociallogin.state.get("process") == CONFIRM:
                _confirm(request, sociallogin, token)
                return
            person = sociallogin.user if sociallogin.is_existing else None
            sociallogin.user = get_person_from_claims(
                origin=origin_of(request), person=person, account=sociallogin.account, claims=claims
            )
            request.session[PROVED_ELSEWHERE] = _auth_time(token)
        except ProviderRefused as refusal:
            raise ImmediateHttpResponse(refuse_sign_in(request, refusal, sociallogin)) from refusal

    def on_authentication_error(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Refuse after an error or an invalid response of the provider. Raises ImmediateHttpResponse."""
        failure = ProviderRefused("The provider did not confirm who you are.", "provider_failed", 502)
        raise ImmediateHttpResponse(refuse_sign_in(request, failure))


def refuse_sign_in(
    request: HttpRequest, refusal: ProviderRefused, sociallogin: SocialLogin | None = None
) -> HttpResponse:
    """Record the failure and show what it means. Raises AuditUnavailable."""
    person = sociallogin.user if sociallogin and sociallogin.is_existing else None
    record_event(
        action="session.sign_in_failed",
        origin=origin_of(request),
        outcome="failed",
        code=refusal.code,
        object=person_ref(person) if isinstance(person, User) else ObjectRef("unknown_person", "", ""),
    )
    context = {"refusal": refusal, "provider": settings.OIDC_NAME}
    return render(request, "staff/single_sign_on_refused.html", context, status=refusal.status)


def _app() -> SocialApp:
    return SocialApp(
        provider="openid_connect",
        provider_id=provider_id(),
        name=settings.OIDC_NAME,
        client_id=settings.OIDC_CLIENT_ID,
        secret=settings.OIDC_CLIENT_SECRET,
        settings={
            "server_url": settings.OIDC_SERVER_URL,
            "oauth_pkce_enabled": True,
            "scope": settings.OIDC_SCOPES,
        },
    )


def set_answer_aside(sociallogin: SocialLogin) -> SocialLogin:
    """Keep the provider's answer in `provider_answer` only: it may hold what no database stores."""
    sociallogin.provider_answer = sociallogin.account.extra_data
    sociallogin.account.extra_data = {}
    return sociallogin


def _claims(sociallogin: SocialLogin) -> tuple[dict[str, Any], dict[str, Any]]:
    """The identity token, and it with what the userinfo endpoint adds; allauth has checked its signature.

    Raises ProviderRefused for a token that was not made for this journey or is about someone else.
    """
    data = sociallogin.provider_answer
    token, info = data.get("id_token") or {}, data.get("userinfo") or {}
    expected = (sociallogin.state.get("data") or {}).get("nonce")
    if not expected or token.get("nonce") != expected or not token.get("sub"):
        raise ProviderRefused("The provider's response belongs to a different sign-in.", "nonce", 400)
    if info.get("sub") != token["sub"]:
        raise ProviderRefused("The provider's responses are about two different people.", "subject", 400)
    return token, info | token


def _confirm(request: HttpRequest, sociallogin: SocialLogin, token: dict[str, Any]) -> None:
    """Record a step-up if the same user has just entered their password at the provider."""
    if not sociallogin.is_existing or sociallogin.user.pk != request.user.pk:
        raise ProviderRefused("You signed in at the provider as a different person.", "somebody_else", 403)
    if _auth_time(token) < sociallogin.state["data"]["began"] - CLOCK_TOLERANCE:
        raise ProviderRefused("The provider did not ask for your password again.", "not_fresh", 403)
    record_step_up(request)
    record_proof(request, PASSWORD_AGAIN)


def _auth_time(token: dict[str, Any]) -> int:
    """Return when the user last authenticated at the provider, 0 if it does not say."""
    stated = token.get("auth_time")
    latest = time.time() + CLOCK_TOLERANCE
    known = isinstance(stated, int) and not isinstance(stated, bool) and stated <= latest
    return min(stated, int(time.time())) if known and stated else 0
