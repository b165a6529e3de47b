"""Django's entry for portal.changes."""

from django.apps import AppConfig

from provisioning.sealed_places import Place, place_register


class ChangesConfig(AppConfig):
    """portal.changes"""

    name = "portal.changes"

    def ready(self) -> None:
        """Puts what waits for a person onto the home page, and names what is sealed here."""
        from portal.changes.home import home_register
        from portal.changes.models import Change
        from portal.changes.payloads import payload_context, secrets_context

        home_register()
        columns = {"sealed_payload": payload_context, "sealed_secrets": secrets_context}
        place_register(Place("Changes not yet sent, secrets not yet shown", Change, columns))
