"""The pages and people of the test provider, loaded only in its own process (tests.openid.oidc_server)."""

import json

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.views import jwks
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

# Claims by user name, beside the standard ones; the test sets them.
CLAIMS: dict[str, dict] = {}


class Claims(DefaultOIDCAdapter):
    """Adds groups, when the person last typed their password, and whatever a test wants to be wrong."""

    def get_claims(self, purpose, user, client, scopes, **kwargs):
        """For token and userinfo alike; `userinfo_…` only for the latter."""
        claims = super().get_claims(purpose, user, client, scopes, **kwargs)
        stated = CLAIMS.get(user.username, {})
        if purpose == "userinfo":
            return claims | {key[9:]: value for key, value in stated.items() if key.startswith("userinfo_")}
        return claims | {"email": user.email, "auth_time": int(user.last_login.timestamp())} | stated


@csrf_exempt
def people(request):
    """PUT {username, password, email, …claims}: this person exists from now on. DELETE: nobody has claims."""
    if request.method == "DELETE":
        CLAIMS.clear()
        return HttpResponse()
    stated = json.loads(request.body)
    name, password = stated.pop("username"), stated.pop("password")
    person, _ = User.objects.get_or_create(username=name)
    for field in ("email", "first_name", "last_name"):
        setattr(person, field, stated.pop(field, ""))
    person.set_password(password)
    person.save()
    CLAIMS[name] = stated
    return HttpResponse(str(person.pk))


def typed(sender, request, user, method, **kwargs):
    """The password was typed, at sign-in or because the portal asked for it again."""
    sender.objects.filter(pk=user.pk).update(last_login=timezone.now())


def keys(request):
    """Its public keys; where someone is `forged`, another key under the same name, as if it had signed."""
    answer = jwks(request)
    if any(stated.get("forged") for stated in CLAIMS.values()):
        published = json.loads(answer.content)
        for key in published["keys"]:
            key["n"] = key["n"][:-8] + key["n"][:8]
        return JsonResponse(published)
    return answer


urlpatterns = [
    path(".well-known/jwks.json", keys),
    path("", include("allauth.idp.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("people/", people),
]
