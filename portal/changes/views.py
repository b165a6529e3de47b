"""What entity rooms build their writing pages on. A subclass names its operation and form in a few lines."""

from portal.changes.create_views import EntityCreateView
from portal.changes.edit_views import EntityActionView, EntityEditView
from portal.changes.gateway_pages import GatewayView, gateway_away
from portal.changes.generic_views import WriteView, change_url

__all__ = [
    "EntityActionView",
    "EntityCreateView",
    "EntityEditView",
    "GatewayView",
    "WriteView",
    "change_url",
    "gateway_away",
]
