"""Addresses of static files in production: hashed, looked up once, and loud about files nobody collected."""

import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from portal.core.static_storage import AssetStorage


@pytest.fixture
def storage(tmp_path):
    """A storage whose manifest lists one file."""
    listed = {"paths": {"portal.css": "portal.0123.css"}, "version": "1.1", "hash": ""}
    FileSystemStorage(tmp_path).save("staticfiles.json", ContentFile(json.dumps(listed)))
    return AssetStorage(location=tmp_path, base_url="/static/")


def test_an_address_is_hashed_and_the_same_every_time(storage):
    assert storage.url("portal.css") == "/static/portal.0123.css"
    assert storage.url("portal.css") == "/static/portal.0123.css"


def test_a_file_that_was_not_collected_is_an_error(storage):
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        storage.url("absent.css")
