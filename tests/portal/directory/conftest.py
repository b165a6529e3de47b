"""A count of the reads that reach the gateway, and ways to make it fall silent or the index old."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.directory.models import IndexedEntity, ListSync
from provisioning import service

NOWHERE = "http://127.0.0.1:9/api/provisioning"


@pytest.fixture
def calls(monkeypatch):
    """Counts the reads that leave for the gateway, and lets them through."""
    counted = []

    list_entities = service.list_entities

    def count(**place):
        counted.append(place["kind"])
        return list_entities(**place)

    monkeypatch.setattr(service, "list_entities", count)
    return counted


def away(connection):
    """From here on nobody answers."""
    connection.base_url = NOWHERE
    connection.save()


def aged(**ages):
    """Makes what was read older: aged(refreshed_at=600) seconds."""
    moments = {name: timezone.now() - timedelta(seconds=seconds) for name, seconds in ages.items()}
    ListSync.objects.update(**moments)
    IndexedEntity.objects.update(seen_at=timezone.now() - timedelta(seconds=900))


def made(tenant, name):
    """A merchant made behind the portal's back."""
    body = {"name": name, "homepage": "https://shop.example", "timezone": "UTC", "country": "AT"}
    return service.perform(
        "merchant.create", connection="sandbox", target=tenant, parent=tenant, payload=body
    ).entity
