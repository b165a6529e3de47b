"""Report a credential that the gateway rejects: in the audit trail, and by mail to those who may reset it."""

import logging

from django.conf import settings
from django.core.mail import send_mail

from portal.audit.recording import get_system_origin, record_event
from portal.connections.credential_actions import RIGHT
from portal.connections.optimistic_lock import get_connection_ref
from portal.staff.models import User
from portal.tasks.models import TaskRun
from portal.tasks.registry import TASK_TYPES, Result, TaskType
from portal.tasks.services import Owner, TaskNotPossible, enqueue_task, report_progress
from provisioning.credentials.credential_health import add_health_listeners
from provisioning.credentials.models import Credential

MAIL = "connections.suspicion_mail"
_log = logging.getLogger(__name__)
_TEXT = """The gateway rejects the API key that the portal has stored for the connection “{connection}”
(version {version}). Until the credential is reset, nothing can be read from or sent to this gateway.

Sign in to the portal and open Connections → {connection} → Reset the credential.
The page guides you through the steps. If the key was not changed on purpose, find out who changed it.
"""


def register_notifications() -> None:
    """Register the listeners and the mail task."""
    TASK_TYPES.register(MAIL, TaskType(work=send_suspicion_mail))
    add_health_listeners(begun=report_suspect, ended=report_recovery)


def report_suspect(credential: Credential) -> None:
    """Record that the gateway rejects the credential, and have a worker mail about it.

    No page waits for a mail server. Without mail settings nothing is sent.
    """
    _record("credential.suspected", credential, credential.suspect_words)
    if not settings.MAIL_ON:
        return
    try:
        enqueue_task(
            kind=MAIL,
            title=f"Mail about the credential of {credential.connection.name}",
            owner=Owner(None, "The portal"),
            arguments={"credential": credential.pk},
            key=f"{MAIL}:{credential.pk}",
        )
    except TaskNotPossible as error:
        _log.error("no mail about a suspect credential: %s", error)


def report_recovery(credential: Credential) -> None:
    """Record that the gateway accepts the credential again."""
    _record("credential.recovered", credential, "")


def _record(action: str, credential: Credential, words: str) -> None:
    connection = credential.connection
    record_event(
        action=action,
        origin=get_system_origin("The portal"),
        connection=connection.slug,
        object=get_connection_ref(connection),
        after={"version": credential.version},
        message=f"“{words}”" if words else "",
    )


def send_suspicion_mail(run: TaskRun, *, credential: int) -> Result:
    """Mail all users who may reset credentials and have an address, unless the problem is solved."""
    suspect = Credential.objects.filter(pk=credential, suspect_since__isnull=False)
    found = suspect.select_related("connection").first()
    if found is None:
        return Result(message="The problem was solved before any email was sent.")
    people = [
        person for person in User.objects.filter(is_active=True).exclude(email="") if person.has_perm(RIGHT)
    ]
    sent, name = 0, found.connection.name
    for done, person in enumerate(people):
        report_progress(run=run, done=done, total=len(people))
        text = _TEXT.format(connection=name, version=found.version)
        try:
            send_mail(f"The gateway rejects the API key of “{name}”", text, None, [person.email])
        except OSError as error:
            _log.warning("could not mail about a suspect credential: %s", type(error).__name__)
        else:
            sent += 1
    return Result(message=f"The mail server accepted {sent} of {len(people)} emails.")
