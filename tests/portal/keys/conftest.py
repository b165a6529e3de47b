"""A portal with a value in every encrypted field, and keys that can be changed."""

from types import SimpleNamespace

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.utils import timezone

from portal.changes.models import Change, State
from portal.changes.records import seal_payload, seal_secrets
from portal.form_drafts.models import FormDraft
from portal.staff.mfa import unlock_secrets
from provisioning import encryption
from provisioning.gateway.secrets import Sealed
from tests.conftest import PASSPHRASE
from tests.running.production import key

# API key and password, a body and secrets of a change, fields and secrets of a form, an app, recovery codes.
VALUES = 8


@pytest.fixture
def keys(settings):
    """keys("b", "a") configures these two, "b" first; a name stands for the same key throughout a test."""
    made = {"a": settings.PORTAL_ENCRYPTION_KEYS.partition(":")[2]}

    def configure(*names, **others):
        made.update(others)
        parts = [f"{name}:{made.setdefault(name, key())}" for name in names]
        settings.PORTAL_ENCRYPTION_KEYS = ",".join(parts)

    configure("a")
    return configure


@pytest.fixture
def sealed(keys, connection, person):
    """Values of every place, sealed with key “a”: the connection, a person with app and codes, a change."""
    ana = person("ana", "Support agent", PASSPHRASE)
    secret = generate_totp_secret()
    with unlock_secrets(ana):
        TOTP.activate(ana, secret)
        codes = RecoveryCodes.activate(ana)
        code = codes.generate_codes()[0]
    change = Change(operation="merchant.update", state=State.PREPARED, connection="sandbox", actor=ana)
    change.sealed_payload = seal_payload(change, {"city": "Linz", "password": Sealed("canary-payload")})
    change.sealed_secrets = seal_secrets(change, {"sharedSecret": "canary-shared"})
    change.save()
    draft = FormDraft(user=ana, path="/sandbox/merchants/new/", updated_at=timezone.now())
    for column in FormDraft.SEALED:
        setattr(draft, column, encryption.seal("canary-draft", context=draft.context(column)))
    draft.save()
    return SimpleNamespace(ana=ana, secret=secret, code=code, change=change, connection=connection)
