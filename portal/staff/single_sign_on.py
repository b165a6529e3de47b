"""Single sign-on: to the OpenID provider and back, and which user its claims belong to.

allauth talks to the provider. A user is known by the provider's subject only, never by name or address, and
has the role of their groups in OIDC_ROLE_GROUPS (portal.staff.sso_users).
"""

import logging
import secrets
import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.adapter import get_adapter as provider_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.audit.recording import ObjectRef, origin_of, record_event
from portal.core.view_access import PUBLIC, SIGNED_IN
from portal.core.views import PortalView
from portal.staff.identity import get_user_ref, provider_id, signs_in_elsewhere
from portal.staff.identity_tokens import CLOCK_TOLERANCE, check_metadata, check_subject, decode_token
from portal.staff.mfa import vouched
from portal.staff.models import User
from portal.staff.sessions import PASSWORD_AGAIN, PROVED_ELSEWHERE, record_proof, record_step_up
from portal.staff.sso_users import ProviderRefused, get_user_from_claims

logger = logging.getLogger(__name__)
# Errors of a provider that is away or sends invalid responses. Those of requests are OSErrors.
_PROVIDER_ERRORS = (OSError, KeyError, TypeError, ValueError, AttributeError)
CONFIRM = "redirect"  # allauth's name for a journey that ends at a page, without a sign-in


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Hooks of allauth. The only provider comes from settings: rows in the database add no other."""

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Return the provider of the settings, none while single sign-on is off."""
        if not settings.OIDC_SERVER_URL:
            return []
        app = SocialApp(
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
        return [app]

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
        """Sign the user in, or record a step-up if the same user has just entered their password there.

        Raises ImmediateHttpResponse otherwise.
        """
        try:
            token, claims = _read_claims(sociallogin)
            if sociallogin.state.get("process") == CONFIRM:
                if not sociallogin.is_existing or sociallogin.user.pk != request.user.pk:
                    text = "You signed in at the provider as a different user."
                    raise ProviderRefused(text, "somebody_else", 403)
                if _auth_time(token) < sociallogin.state["data"]["began"] - CLOCK_TOLERANCE:
                    text = "The provider did not ask for your password again."
                    raise ProviderRefused(text, "not_fresh", 403)
                record_step_up(request)
                record_proof(request, PASSWORD_AGAIN)
                return
            user = sociallogin.user if sociallogin.is_existing else None
            sociallogin.user = get_user_from_claims(
                origin=origin_of(request), user=user, account=sociallogin.account, claims=claims
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
    user = sociallogin.user if sociallogin and sociallogin.is_existing else None
    record_event(
        action="session.sign_in_failed",
        origin=origin_of(request),
        outcome="failed",
        code=refusal.code,
        object=get_user_ref(user) if isinstance(user, User) else ObjectRef("unknown_person", "", ""),
    )
    context = {"refusal": refusal, "provider": settings.OIDC_NAME}
    return render(request, "staff/single_sign_on_refused.html", context, status=refusal.status)


def _read_claims(sociallogin: SocialLogin) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the identity token, and all claims with those of the userinfo endpoint.

    The signature has been checked (portal.staff.identity_tokens).

    Raises ProviderRefused for a token that was not made for this journey or is about someone else.
    """
    data = sociallogin.provider_answer
    token, info = data.get("id_token") or {}, data.get("userinfo") or {}
    expected = (sociallogin.state.get("data") or {}).get("nonce")
    if not expected or token.get("nonce") != expected or not token.get("sub"):
        raise ProviderRefused("The provider's response belongs to a different sign-in.", "nonce", 400)
    if info.get("sub") != token["sub"]:
        raise ProviderRefused("The provider's responses are about two different users.", "subject", 400)
    return token, info | token


def _auth_time(token: dict[str, Any]) -> int:
    """Return when the user last authenticated at the provider, 0 if it does not say."""
    stated = token.get("auth_time")
    latest = time.time() + CLOCK_TOLERANCE
    known = isinstance(stated, int) and not isinstance(stated, bool) and stated <= latest
    return min(stated, int(time.time())) if known and stated else 0


class _Exchange(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """allauth's exchange of the code for a token, at an address of the portal."""

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        """Return the redirect address, which is registered at the provider."""
        return request.build_absolute_uri(reverse("staff:sso_callback"))

    @property
    def openid_config(self) -> Any:
        """Return the provider's metadata, read once per request. Raises MetadataRefused."""
        metadata = super().openid_config
        check_metadata(metadata)
        return metadata

    def complete_login(self, *args: Any, **kwargs: Any) -> Any:
        """Complete the login as in allauth, with the provider's answer in `provider_answer` only.

        It may hold what no database stores.
        """
        sociallogin = super().complete_login(*args, **kwargs)
        sociallogin.provider_answer = sociallogin.account.extra_data
        sociallogin.account.extra_data = {}
        return sociallogin

    def _fetch_user_info(self, access_token: str) -> Any:
        """Return the claims of the userinfo endpoint. Raises OAuth2Error if they name no user."""
        info = super()._fetch_user_info(access_token)
        check_subject(info)
        return info

    def _decode_id_token(self, app: Any, id_token: Any) -> dict[str, Any]:
        """Check the token's signature, although it came over TLS, and every claim. Raises OAuth2Error."""
        with provider_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
        return decode_token(
            token=id_token, metadata=self.openid_config, keys=answer.json(), client_id=app.client_id
        )


class SingleSignOnView(PortalView):
    """/accounts/sso/: the button on the sign-in page."""

    access = PUBLIC

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Redirect to the provider."""
        _on_or_404()
        if request.user.is_authenticated:
            return redirect("/")
        limited: HttpResponse | None = ratelimit.consume_or_429(request, action="single_sign_on")
        return limited or _to_provider(request, AuthProcess.LOGIN)


class ConfirmThereView(PortalView):
    """/accounts/sso/confirm/: step-up for users without a password here."""

    access = SIGNED_IN
    unenrolled = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what will happen."""
        self._theirs_or_404(request)
        context = {"provider": settings.OIDC_NAME, "next": request.GET.get("next", "")}
        return render(request, "staff/single_sign_on_confirm.html", context)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Redirect to the provider, which must ask for the password again."""
        self._theirs_or_404(request)
        return _to_provider(request, CONFIRM, prompt="login", max_age="0")

    def _theirs_or_404(self, request: HttpRequest) -> None:
        if not signs_in_elsewhere(request.user):
            raise Http404


class CallbackView(PortalView):
    """/accounts/sso/callback/: where the provider sends users back to."""

    access = PUBLIC

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Sign the user in, or show why not."""
        _on_or_404()
        mark = vouched.set(settings.OIDC_TRUST_SECOND_FACTOR)
        try:
            answer: HttpResponseBase = OAuth2CallbackView.adapter_view(_Exchange(request, provider_id()))(
                request
            )
            return answer
        except _PROVIDER_ERRORS:
            logger.exception("The OpenID provider's answer could not be read.")
            return _provider_away(request)
        finally:
            vouched.reset(mark)


def _to_provider(request: HttpRequest, process: str, **parameters: str) -> HttpResponse:
    """Return a page that redirects: a redirect after a form would need the provider in the form policy."""
    wanted = request.POST.get("next", "")
    nonce = secrets.token_urlsafe(32)
    provider = provider_adapter().get_provider(request, provider_id())
    provider.oauth2_adapter_class = _Exchange
    try:
        answer = provider.redirect(
            request,
            process=process,
            next_url=wanted if get_adapter().is_safe_url(wanted) else "/",
            data={"nonce": nonce, "began": int(time.time())},
            auth_params={"nonce": nonce, **parameters},
        )
    except _PROVIDER_ERRORS:
        logger.exception("The OpenID provider could not be asked.")
        return _provider_away(request)
    if not isinstance(answer, HttpResponseRedirect):
        return _provider_away(request)
    context = {"address": answer.url, "provider": settings.OIDC_NAME}
    return render(request, "staff/single_sign_on_leave.html", context)


def _provider_away(request: HttpRequest) -> HttpResponse:
    text = "The provider does not respond, or its response could not be understood."
    return refuse_sign_in(request, ProviderRefused(text, "provider_away", 502))


def _on_or_404() -> None:
    if not settings.OIDC_SERVER_URL:
        raise Http404
