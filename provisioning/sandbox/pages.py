"""The gateway's own small pages: System Setup → API Keys, outbox, faults, and the health check.

They ask for no sign-in, so they answer on this machine only (`PageProtection`).
"""

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from provisioning.contract import contract_operations
from provisioning.sandbox.fault_rules import KINDS, UnknownFault, arm_fault, disarm_faults, parse_fault
from provisioning.sandbox.keys import (
    DEFAULT_ADDRESSES,
    SERVICES,
    KeyRefused,
    create_key,
    delete_key,
    reset_key,
)
from provisioning.sandbox.models import ApiKey, ArmedFault, Mail, Record
from provisioning.sandbox.records import TENANT, get_document

_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_OPEN = ("/api/provisioning", "/healthz")
_MAILS_SHOWN = 200


class PageProtection:
    """Keeps the pages on this machine and gives them strict headers. The API has its own access check."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse page requests from elsewhere with 403, unless the server was started to allow them."""
        if request.path.startswith(_OPEN):
            return self._get_response(request)
        try:
            local = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
        except ValueError:
            local = False
        if not local and not getattr(settings, "SANDBOX_PAGES_REMOTE", False):
            return HttpResponseForbidden("These pages answer on the gateway's own machine only.")
        response = self._get_response(request)
        response["Content-Security-Policy"] = _POLICY
        response["X-Content-Type-Options"] = "nosniff"
        # Not "no-referrer": browsers would then send "Origin: null", which the CSRF check refuses.
        response["Referrer-Policy"] = "same-origin"
        response.setdefault("Cache-Control", "no-store")
        return response


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the gateway can reach its database."""
    ApiKey.objects.exists()
    return JsonResponse({"status": "ok"})


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the page of API keys."""
    return redirect("api-keys")


@require_GET
def api_keys(request: HttpRequest) -> HttpResponse:
    """Show all API keys, without their passwords."""
    return render(request, "sandbox/api_keys.html", {"keys": ApiKey.objects.order_by("created_at", "pk")})


@require_http_methods(["GET", "POST"])
def api_key_new(request: HttpRequest) -> HttpResponse:
    """Ask for service and addresses, then create a key. The answer shows the password once."""
    entered = {
        "name": request.POST.get("name", ""),
        "service": request.POST.get("service", SERVICES[0]),
        "addresses": request.POST.get("addresses", DEFAULT_ADDRESSES),
        "tenant": request.POST.get("tenant", ""),
    }
    refusal = ""
    if request.method == "POST":
        try:
            key, password = create_key(**entered)
        except KeyRefused as refused:
            refusal = str(refused)
        else:
            return _show_password(request, key, password)
    tenants = [
        get_document(record) for record in Record.objects.filter(kind=TENANT).order_by("parent", "position")
    ]
    context = {"entered": entered, "refusal": refusal, "services": SERVICES, "tenants": tenants}
    return render(request, "sandbox/api_key_new.html", context, status=422 if refusal else 200)


@require_POST
def api_key_reset(request: HttpRequest, key: str) -> HttpResponse:
    """Make a new password for a key; the old one stops working at once."""
    try:
        found, password = reset_key(key=key)
    except KeyRefused as refused:
        return HttpResponse(str(refused), status=404, content_type="text/plain; charset=utf-8")
    return _show_password(request, found, password)


@require_http_methods(["GET", "POST"])
def api_key_delete(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a key is deleted (GET), then delete it (POST)."""
    found = ApiKey.objects.filter(key=key).first()
    if found is None:
        text = f"There is no API key '{key}'."
        return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")
    if request.method == "POST":
        delete_key(key=key)
        return redirect("api-keys")
    return render(request, "sandbox/api_key_delete.html", {"key": found})


@require_GET
def outbox(request: HttpRequest) -> HttpResponse:
    """Show the mails the platform would have sent, newest first."""
    return render(request, "sandbox/outbox.html", {"mails": Mail.objects.order_by("-pk")[:_MAILS_SHOWN]})


@require_http_methods(["GET", "POST"])
def faults(request: HttpRequest) -> HttpResponse:
    """Arm and disarm faults for people; programs use the header or `faults_control`."""
    refusal = ""
    if request.method == "POST":
        try:
            _change_faults(request.POST.dict())
        except UnknownFault as unknown:
            refusal = str(unknown)
        else:
            return redirect("faults")
    context = {
        "refusal": refusal,
        "kinds": [(kind, text, default) for kind, (text, default) in KINDS.items()],
        "operations": sorted(contract_operations()),
        "armed": ArmedFault.objects.order_by("pk"),
    }
    return render(request, "sandbox/faults.html", context, status=422 if refusal else 200)


@csrf_exempt
@require_http_methods(["GET", "POST", "DELETE"])
def faults_control(request: HttpRequest) -> HttpResponse:
    """Show (GET), arm (POST) and disarm (DELETE) faults for programs.

    POST takes {"fault": "latency=2", "requests": 3, "operation": ""}.

    No CSRF token, but only JSON is taken, which another site's form cannot send.
    """
    if request.method == "DELETE":
        disarm_faults()
    if request.method == "POST":
        try:
            if request.content_type != "application/json":
                raise ValueError("Send JSON with the content type application/json.")
            order = json.loads(request.body)
            if not isinstance(order, dict):
                raise ValueError("Send a JSON object.")
            _change_faults({name: str(value) for name, value in order.items()})
        except (UnknownFault, ValueError) as wrong:
            return JsonResponse({"error": str(wrong)}, status=422)
    armed = ArmedFault.objects.order_by("pk").values("kind", "amount", "operation", "remaining")
    return JsonResponse({"armed": list(armed)})


@require_GET
def stylesheet(request: HttpRequest) -> FileResponse:
    """Return the one stylesheet of these pages."""
    return FileResponse(
        Path(__file__).with_name("sandbox.css").open("rb"), content_type="text/css; charset=utf-8"
    )


def _change_faults(order: dict[str, str]) -> None:
    """Disarm all faults or arm one, as ordered by a form or a program. Raises UnknownFault."""
    if order.get("disarm"):
        disarm_faults()
        return
    number = order.get("amount", "").strip()
    fault = parse_fault(order.get("fault", "") + (f"={number}" if number else ""))
    try:
        requests = int(order.get("requests") or 1)
    except ValueError:
        raise UnknownFault("The number of requests is not a number.") from None
    arm_fault(fault=fault, requests=requests, operation=order.get("operation", ""))


def _show_password(request: HttpRequest, key: ApiKey, password: str) -> HttpResponse:
    return render(request, "sandbox/api_key_password.html", {"key": key, "password": password})
