"""Django's entry for portal.tasks."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """Configure background work and its workers."""

    name = "portal.tasks"

    def ready(self) -> None:
        """Register the readiness checks for workers."""
        from portal.tasks.health import register_checks

        register_checks()
