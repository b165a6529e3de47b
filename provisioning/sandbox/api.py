"""One view for all operations: who calls, which body, which handler, and how the answer is written."""

import base64
import binascii
import json
import logging
import math
from collections.abc import Callable
from typing import NoReturn

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from provisioning.contract import contract_operations
from provisioning.sandbox import connectors, merchant_users, merchants, routing, tenants
from provisioning.sandbox.error_responses import Code, Refusal
from provisioning.sandbox.keys import PROVISIONING, is_address_allowed, verify_key
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import JsonObject, dump_json

_log = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
_DEEPEST = 120

Answer = JsonObject | str
_READS: dict[str, Callable[..., Answer]] = {
    "listTenants": tenants.list_tenants,
    "listMerchants": merchants.list_merchants,
    "listMerchantUsers": merchant_users.list_merchant_users,
    "listConnectors": connectors.list_connectors,
    "getConnectorSettings": connectors.read_settings,
    "getConnectorSettingsVault": connectors.read_vault_settings,
    "listRoutingConstraints": routing.list_constraints,
    "getConnectorRouting": routing.read,
    "getConnectorMultiMethodRouting": routing.read_multi_method,
}
_WRITES: dict[str, Callable[..., Answer]] = {
    "updateTenant": tenants.update,
    "createMerchant": merchants.create,
    "updateMerchant": merchants.update,
    "createMerchantUser": merchant_users.create,
    "updateMerchantUser": merchant_users.update,
    "createConnector": connectors.create,
    "updateConnector": connectors.update,
    "setConnectorRouting": routing.replace,
    "setConnectorMultiMethodRouting": routing.change_multi_method,
    "createNtEnrollment": merchants.create_enrollment,
}
_ROUTING_DOCUMENTS = ("setConnectorRouting", "setConnectorMultiMethodRouting")


@csrf_exempt
def operation_view(request: HttpRequest, operation_id: str, **parameters: str) -> HttpResponse:
    """Answer one operation of the contract; whatever goes wrong, the answer is the error envelope."""
    method = contract_operations()[operation_id].method
    if request.method != method:
        response = _build_refusal(Refusal(Code.REQUEST_INVALID, f"Request invalid: use {method}", status=405))
        response["Allow"] = HttpResponseNotAllowed([method])["Allow"]
        return response
    try:
        key = authenticate(request)
        if operation_id in _READS:
            return _build_response(_READS[operation_id](key, **parameters))
        unusable = Code.DOCUMENT_UNUSABLE if operation_id in _ROUTING_DOCUMENTS else Code.REQUEST_INVALID
        body = read_body(request, unusable)
        # One IMMEDIATE transaction per write: what a handler checks is still true when it stores.
        with transaction.atomic():
            answer = _WRITES[operation_id](key, body, **parameters)
        return _build_response(answer)
    except Refusal as refusal:
        return _build_refusal(refusal)
    except Exception:
        _log.exception("%s failed", operation_id)
        return _build_refusal(Refusal(Code.INTERNAL, "Internal server error", status=500))


@csrf_exempt
def unknown_path_view(request: HttpRequest) -> HttpResponse:
    """Answer any other path with 404 and the error envelope: the contract does not say."""
    return _build_refusal(Refusal(Code.REQUEST_INVALID, "Request invalid: no such operation", status=404))


def authenticate(request: HttpRequest) -> ApiKey:
    """Return the API key of the request: HTTP Basic (RFC 7617), its service and its addresses.

    Raises Refusal 401/1000. What an unlisted address or a key of another service gets is not documented.
    Here it is 401/1000 as well, because the documentation lists no 403; only the message tells them apart.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise _build_unauthorized()
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _build_unauthorized() from None
    key, colon, password = text.partition(":")
    found = verify_key(key=key, password=password) if colon else None
    if found is None:
        raise _build_unauthorized()
    if found.service != PROVISIONING:
        raise _build_unauthorized(f"Unauthorized: the API key is for the service '{found.service}'")
    if not is_address_allowed(found, request.META.get("REMOTE_ADDR", "")):
        raise _build_unauthorized("Unauthorized: the caller's address is not allowed for this API key")
    return found


def _build_unauthorized(message: str = "Unauthorized") -> Refusal:
    return Refusal(Code.UNAUTHORIZED, message, status=401)


def read_body(request: HttpRequest, unusable: Code = Code.REQUEST_INVALID) -> JsonObject:
    """Return the JSON object of a request. Raises Refusal `unusable` (1001, for routing documents 1010)."""

    def parse_finite(text: str) -> float:
        # 1e999 is JSON to read, but infinity is none to answer with.
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("too large a number")
        return number

    def refuse_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    if request.content_type not in ("application/json", ""):
        raise Refusal(unusable, "Request invalid: the content type must be application/json")
    raw = request.read(LARGEST_BODY + 1)
    if len(raw) > LARGEST_BODY:
        raise Refusal(unusable, "Request invalid: the body is larger than 1 MiB")
    try:
        parsed = json.loads(raw, parse_constant=refuse_constant, parse_float=parse_finite)
    except (ValueError, RecursionError):
        raise Refusal(unusable, "Request invalid: the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise Refusal(unusable, "Request invalid: the body is not a JSON object")
    if _measure_depth(parsed) > _DEEPEST:
        raise Refusal(unusable, f"Request invalid: nested deeper than {_DEEPEST} levels")
    return parsed


def _measure_depth(value: object, level: int = 1) -> int:
    if level > _DEEPEST:
        return level
    if isinstance(value, dict):
        return max((_measure_depth(child, level + 1) for child in value.values()), default=level)
    if isinstance(value, list):
        return max((_measure_depth(child, level + 1) for child in value), default=level)
    return level


def _build_response(answer: Answer, status: int = 200) -> HttpResponse:
    text = answer if isinstance(answer, str) else dump_json(answer)
    response = HttpResponse(text, content_type="application/json", status=status)
    response["Cache-Control"] = "no-store"
    return response


def _build_refusal(refusal: Refusal) -> HttpResponse:
    response = _build_response(refusal.body, refusal.status)
    if refusal.status == 401:
        response["WWW-Authenticate"] = 'Basic realm="Provisioning API", charset="UTF-8"'
    return response
