"""A paused connection is read-only: asked before a change is written down, and again before it is sent."""

from portal.changes.errors import ConnectionPaused
from provisioning.credentials.models import Connection


def pause_check(connection: str) -> None:
    """Raises ConnectionPaused if the connection of this slug takes no changes for now."""
    paused = Connection.objects.filter(slug=connection, is_paused=True).values_list("name", flat=True).first()
    if paused is not None:
        raise ConnectionPaused(
            f"“{paused}” is paused: it is read-only, and nobody can send changes. "
            "Nothing was sent. Try again when it is resumed."
        )
