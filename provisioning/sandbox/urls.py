"""The addresses of the embedded gateway: the API under its base path, and the small System Setup pages."""

import re

from django.urls import path, re_path

from provisioning.contract import contract_operations
from provisioning.sandbox import api, pages

BASE = "api/provisioning"


urlpatterns = [
    *(
        path(
            BASE + re.sub(r"\{(\w+)\}", r"<str:\1>", spec.path),
            api.operation_view,
            {"operation_id": spec.operation_id},
            name=spec.operation_id,
        )
        for spec in contract_operations().values()
    ),
    re_path(rf"^{BASE}(?:/.*)?$", api.unknown_path_view),
    path("healthz", pages.health, name="health"),
    path("", pages.home, name="home"),
    path("system-setup/api-keys/", pages.api_keys, name="api-keys"),
    path("system-setup/api-keys/new/", pages.api_key_new, name="api-key-new"),
    path("system-setup/api-keys/<str:key>/reset/", pages.api_key_reset, name="api-key-reset"),
    path("system-setup/api-keys/<str:key>/delete/", pages.api_key_delete, name="api-key-delete"),
    path("outbox/", pages.outbox, name="outbox"),
    path("faults/", pages.faults, name="faults"),
    path("sandbox/faults", pages.faults_control, name="faults-control"),
    path("sandbox.css", pages.stylesheet, name="stylesheet"),
]
