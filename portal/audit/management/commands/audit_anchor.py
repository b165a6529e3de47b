"""`manage.py audit_anchor`: notes the head of the audit chain outside the database; for a timer."""

import uuid
from typing import Any

from django.core.management.base import CommandError

from portal.audit.anchors import AnchorUnavailable, get_anchor_file
from portal.audit.base_command import AuditCommand
from portal.audit.forwarding.delivery import deliver_anchors
from portal.audit.recording import get_system_origin
from portal.audit.verification.views import record_anchor


class Command(AuditCommand):
    """Write an anchor of the audit chain."""

    help = "Writes the head of the audit chain to AUDIT_ANCHOR_FILE and sends it to AUDIT_ANCHOR_FORWARD_TO."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and send an anchor. Raises CommandError if the file or a receiver refuses it."""
        try:
            sequence = record_anchor(get_system_origin("audit_anchor"))
        except AnchorUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Row {sequence} is anchored in {get_anchor_file()}")
        problems = deliver_anchors(holder=f"audit_anchor:{uuid.uuid4().hex}")
        if problems:
            raise CommandError("\n".join(["The anchor was not accepted by", *problems]))
