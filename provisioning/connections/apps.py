"""Django's entry for provisioning.connections."""

from django.apps import AppConfig

from provisioning.sealed_places import Place, place_register


class ConnectionsConfig(AppConfig):
    """provisioning.connections"""

    name = "provisioning.connections"

    def ready(self) -> None:
        """Names what is sealed here."""
        from provisioning.connections.models import Credential

        columns = {
            "sealed_api_key": lambda row: row.context("api_key"),
            "sealed_password": lambda row: row.context("password"),
        }
        place_register(Place("Credentials of connections", Credential, columns))
