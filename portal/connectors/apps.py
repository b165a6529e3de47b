"""Django's entry for portal.connectors."""

from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    """portal.connectors"""

    name = "portal.connectors"

    def ready(self) -> None:
        """Have drafts keep settings like a secret if one of them is."""
        from portal.connectors.forms import holds_secret_settings
        from portal.form_drafts.services import register_secret_text

        register_secret_text("settings", holds_secret_settings)
