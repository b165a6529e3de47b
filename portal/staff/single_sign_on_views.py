"""Redirects to the OpenID provider and back, for sign-in and for step-up."""

import logging
import secrets
import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter as provider_adapter
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.core.view_access import PUBLIC, SIGNED_IN
from portal.core.views import PortalView
from portal.staff.identity_tokens import check_metadata, check_subject, decode_token
from portal.staff.idp_mfa import provider_id, signs_in_elsewhere, vouched
from portal.staff.single_sign_on import CONFIRM, refuse_sign_in, set_answer_aside
from portal.staff.sso_users import ProviderRefused

logger = logging.getLogger(__name__)
# Errors of a provider that is away or sends invalid responses. Those of requests are OSErrors.
_PROVIDER_ERRORS = (OSError, KeyError, TypeError, ValueError, AttributeError)


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
        """Complete the login as in allauth, without storing the claims."""
        return set_answer_aside(super().complete_login(*args, **kwargs))

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
