"""Who hears of a credential that the gateway turned down: the audit trail, and by mail who may reset it."""

import logging

from django.conf import settings
from django.core.mail import send_mail

from portal.audit.recording import origin_system, record_event
from portal.connections.credential_actions import RIGHT
from portal.connections.optimistic_lock import get_connection_ref
from portal.staff.models import User
from portal.tasks.models import TaskRun
from portal.tasks.registry import Result, TaskType, register_task_type
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
    """Listens from now on, and lets workers mail."""
    register_task_type(TaskType(MAIL, work=send_suspicion_mail))
    add_health_listeners(begun=_suspected, ended=_recovered)


def _suspected(credential: Credential) -> None:
    _recorded("credential.suspected", credential, credential.suspect_words)
    _enqueue(credential)


def _recovered(credential: Credential) -> None:
    _recorded("credential.recovered", credential, "")


def _recorded(action: str, credential: Credential, words: str) -> None:
    connection = credential.connection
    record_event(
        action=action,
        origin=origin_system("The portal"),
        connection=connection.slug,
        object=get_connection_ref(connection),
        after={"version": credential.version},
        message=f"“{words}”" if words else "",
    )


def _enqueue(credential: Credential) -> None:
    """Mailed by a worker: nobody's page waits for a mail server. Without mail set up, not at all."""
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


def send_suspicion_mail(run: TaskRun, *, credential: int) -> Result:
    """To everybody who may reset credentials and has an address, unless it is over by now."""
    suspect = Credential.objects.filter(pk=credential, suspect_since__isnull=False)
    found = suspect.select_related("connection").first()
    if found is None:
        return Result(message="The problem was solved before any email was sent.")
    people = [
        person for person in User.objects.filter(is_active=True).exclude(email="") if person.has_perm(RIGHT)
    ]
    sent = 0
    for done, person in enumerate(people):
        report_progress(run=run, done=done, total=len(people))
        sent += _mailed(person.email, found)
    return Result(message=f"The mail server accepted {sent} of {len(people)} emails.")


def _mailed(address: str, credential: Credential) -> bool:
    name = credential.connection.name
    text = _TEXT.format(connection=name, version=credential.version)
    try:
        send_mail(f"The gateway rejects the API key of “{name}”", text, None, [address])
    except OSError as error:
        _log.warning("could not mail about a suspect credential: %s", type(error).__name__)
        return False
    return True
