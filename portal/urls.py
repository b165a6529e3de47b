"""Every address of the portal. The connection is the first segment of what concerns a gateway."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("portal.core.urls")),
    path("", include("portal.staff.urls")),
    path("accounts/", include("portal.staff.account_urls")),
    path("audit/", include("portal.audit.urls")),
    path("tasks/", include("portal.tasks.urls")),
    path("drafts/", include("portal.form_drafts.urls")),
    path("changes/", include("portal.changes.urls")),
    path("connections/", include("portal.connections.urls")),
    path("", include("portal.directory.urls")),
    path("<slug:connection>/", include("portal.tenants.urls")),
    path("<slug:connection>/", include("portal.merchants.urls")),
    path("<slug:connection>/", include("portal.merchant_users.urls")),
    path("<slug:connection>/", include("portal.connectors.urls")),
]

handler400 = "portal.core.errors.bad_request"
handler403 = "portal.core.errors.forbidden"
handler404 = "portal.core.errors.not_found"
handler500 = "portal.core.errors.broken"
