"""When the gateway turns down the credential in use: marked once, told once, taken back by the next success.

Who wants to hear of it (portal.connections: audit trail, mail) registers at start; nothing here knows them.
"""

from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from provisioning.credentials.models import Credential

# Called in the transaction that marks: one that fails takes the mark back, and the next refusal tells again.
Listener = Callable[[Credential], None]

_begun: list[Listener] = []
_ended: list[Listener] = []


def add_health_listeners(*, begun: Listener, ended: Listener) -> None:
    """Has `begun` called when a credential becomes suspect, `ended` when it works again. Repeatable."""
    for listeners, listener in ((_begun, begun), (_ended, ended)):
        if listener not in listeners:
            listeners.append(listener)


def mark_suspect(credential: Credential, words: str) -> bool:
    """Marks the active credential suspect; False if somebody else did, or if it is in use no more."""
    unsuspected = Credential.objects.filter(
        pk=credential.pk, state=Credential.State.ACTIVE, suspect_since=None
    )
    return _settled(
        credential, _begun, unsuspected.update, suspect_since=timezone.now(), suspect_words=words[:300]
    )


def clear_suspect(credential: Credential) -> bool:
    """Takes the mark back; False if somebody else did."""
    suspected = Credential.objects.filter(pk=credential.pk, suspect_since__isnull=False)
    return _settled(credential, _ended, suspected.update, suspect_since=None, suspect_words="")


def _settled(
    credential: Credential, listeners: list[Listener], update: Callable[..., int], **values: object
) -> bool:
    with transaction.atomic():
        if not update(**values):
            return False
        for name, value in values.items():
            setattr(credential, name, value)
        for listener in listeners:
            listener(credential)
    return True
