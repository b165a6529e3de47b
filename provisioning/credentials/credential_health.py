"""Mark the active credential as suspect when the gateway rejects it, and clear the mark at the next success.

Listeners (portal.connections: audit trail, mail) are registered at start and called once per mark.
"""

from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from provisioning.credentials.models import Credential

# Called in the transaction that sets the mark. If it fails, the mark is undone and the next refusal tries
# again.
Listener = Callable[[Credential], None]

_begun: list[Listener] = []
_ended: list[Listener] = []


def add_health_listeners(*, begun: Listener, ended: Listener) -> None:
    """Call `begun` when a credential becomes suspect and `ended` when it works again. May be repeated."""
    for listeners, listener in ((_begun, begun), (_ended, ended)):
        if listener not in listeners:
            listeners.append(listener)


def mark_suspect(credential: Credential, words: str) -> bool:
    """Mark the active credential as suspect. Return False if it is marked already or not active any more."""
    rows = Credential.objects.filter(pk=credential.pk, state=Credential.State.ACTIVE, suspect_since=None)
    return _update(rows, credential, _begun, suspect_since=timezone.now(), suspect_words=words[:300])


def clear_suspect(credential: Credential) -> bool:
    """Clear the mark. Return False if the credential is not marked."""
    rows = Credential.objects.filter(pk=credential.pk, suspect_since__isnull=False)
    return _update(rows, credential, _ended, suspect_since=None, suspect_words="")


def _update(
    rows: QuerySet[Credential], credential: Credential, listeners: list[Listener], **values: object
) -> bool:
    """Set the values with one conditional UPDATE, so that one of several processes calls the listeners."""
    with transaction.atomic():
        updated = rows.update(**values)
        if not updated:
            return False
        for name, value in values.items():
            setattr(credential, name, value)
        for listener in listeners:
            listener(credential)
    return True
