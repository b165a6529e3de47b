"""One view for all operations: who calls, which body, which handler, and how the answer is written."""

import logging
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from provisioning.contract import contract_operations
from provisioning.sandbox import connectors, enrollments, merchant_users, merchants, routing, tenants
from provisioning.sandbox.access import caller
from provisioning.sandbox.bodies import JsonObject, read_body
from provisioning.sandbox.error_responses import Code, Refusal
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import dump_json

_log = logging.getLogger(__name__)

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
    "createNtEnrollment": enrollments.create,
}
_ROUTING_DOCUMENTS = ("setConnectorRouting", "setConnectorMultiMethodRouting")


@csrf_exempt
def operation_view(request: HttpRequest, operation_id: str, **parameters: str) -> HttpResponse:
    """Answer one operation of the contract; whatever goes wrong, the answer is the error envelope."""
    if request.method != contract_operations()[operation_id].method:
        return _not_allowed(operation_id)
    try:
        return _response(_answer(request, caller(request), operation_id, parameters))
    except Refusal as refusal:
        return _refused(refusal)
    except Exception:
        _log.exception("%s failed", operation_id)
        return _refused(Refusal(Code.INTERNAL, "Internal server error", status=500))


@csrf_exempt
def unknown_path_view(request: HttpRequest) -> HttpResponse:
    """Any other path below the API's base: the contract does not say, so 404 with the error envelope."""
    return _refused(Refusal(Code.REQUEST_INVALID, "Request invalid: no such operation", status=404))


def _answer(request: HttpRequest, key: ApiKey, operation_id: str, parameters: dict[str, str]) -> Answer:
    if operation_id in _READS:
        return _READS[operation_id](key, **parameters)
    unusable = Code.DOCUMENT_UNUSABLE if operation_id in _ROUTING_DOCUMENTS else Code.REQUEST_INVALID
    body = read_body(request, unusable)
    # One IMMEDIATE transaction per write: what a handler checks is still true when it stores.
    with transaction.atomic():
        return _WRITES[operation_id](key, body, **parameters)


def _response(answer: Answer, status: int = 200) -> HttpResponse:
    text = answer if isinstance(answer, str) else dump_json(answer)
    response = HttpResponse(text, content_type="application/json", status=status)
    response["Cache-Control"] = "no-store"
    return response


def _refused(refusal: Refusal) -> HttpResponse:
    response = _response(refusal.body, refusal.status)
    if refusal.status == 401:
        response["WWW-Authenticate"] = 'Basic realm="Provisioning API", charset="UTF-8"'
    return response


def _not_allowed(operation_id: str) -> HttpResponse:
    allowed = contract_operations()[operation_id].method
    response = _refused(Refusal(Code.REQUEST_INVALID, f"Request invalid: use {allowed}", status=405))
    response["Allow"] = HttpResponseNotAllowed([allowed])["Allow"]
    return response
