"""The verdict that stands: a trail that was found broken counts as broken until all of it was found whole.

It is read from the events themselves, so it does not matter who verified, and nothing else can forget it.
"""

from portal.audit.findings import WHOLE
from portal.audit.models import Event


def broken_event() -> Event | None:
    """The newest finding that the trail is broken, None if the whole chain was found whole since.

    A part that is whole proves nothing about the rest. Two short walks of the index of actions.
    """
    broken = Event.objects.filter(action="audit.found_broken").first()
    if broken is None:
        return None
    since = Event.objects.filter(action="audit.verified", sequence__gt=broken.sequence)
    return None if since.filter(message__startswith=WHOLE).exists() else broken
