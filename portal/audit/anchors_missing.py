"""Whether the anchors are there that should be: without them a cut-off end goes unnoticed."""

import os

from django.conf import settings

from portal.audit.anchors import Anchor, AnchorUnavailable, anchor_file, anchor_last
from portal.audit.models import ChainHead, Event


def anchors_trouble() -> str:
    """What is wrong with the file as it is now, "" for nothing. Reads its end only."""
    try:
        last = anchor_last()
        return anchors_missing(last) or _cut_off(last) or _unwritable()
    except AnchorUnavailable as failure:
        return str(failure)


def anchors_missing(last: Anchor | None) -> str:
    """What the trail says about anchors that should be there after `last`, "" for nothing."""
    every = settings.AUDIT_ANCHOR_EVENTS
    end = ChainHead.objects.values_list("sequence", flat=True).first() or 0
    asked = Event.objects.filter(action="audit.anchored").values_list("sequence", flat=True).first() or 0
    if last is None and (asked or (end and (every > 0 or settings.AUDIT_ANCHOR_MINUTES > 0))):
        return (
            f"There is no anchor to compare with, although the trail has {end:,} rows. "
            "The end of the trail may have been cut off."
        )
    # Twice as many: the last one may be being written.
    if last and (last.sequence < asked or 0 < 2 * every < end - last.sequence):
        return (
            f"The last anchor is at row {last.sequence:,} of {end:,}. Later anchors could not be written "
            "or were removed."
        )
    return ""


def _cut_off(last: Anchor | None) -> str:
    """What is to be said of a trail that is shorter than it was, which verification explains."""
    end = ChainHead.objects.values_list("sequence", flat=True).first() or 0
    if last is None or last.sequence <= end:
        return ""
    return (
        f"The trail ends at row {end:,}, but there is an anchor at row {last.sequence:,}. The end was "
        "cut off or an old copy was restored. Verify the whole trail."
    )


def _unwritable() -> str:
    """Opens the file, and makes it if it is not there yet: a right alone does not make a disk writable."""
    try:
        anchor_file().parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(anchor_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError:
        return "The anchor file cannot be written."
    return ""
