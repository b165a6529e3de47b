"""The models as a migration sees them, for tests that call a migration's own functions."""

from typing import Any

from django.db.migrations.loader import MigrationLoader


def historical_apps(app: str, migration: str) -> Any:
    """Return the app registry as it is after `migration` of `app`."""
    return MigrationLoader(None).project_state((app, migration)).apps
