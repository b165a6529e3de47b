"""Django's entry for provisioning.credentials."""

from django.apps import AppConfig

from provisioning.encrypted_fields import ENCRYPTED_FIELDS, EncryptedField


class ConnectionsConfig(AppConfig):
    """Configure the storage of connections and their credentials."""

    name = "provisioning.credentials"
    label = "connections"  # as stored data calls it

    def ready(self) -> None:
        """Register the encrypted fields of this app."""
        from provisioning.credentials.models import Credential

        columns = {
            "sealed_api_key": lambda row: row.context("api_key"),
            "sealed_password": lambda row: row.context("password"),
        }
        ENCRYPTED_FIELDS.register("Credentials of connections", EncryptedField(Credential, columns))
