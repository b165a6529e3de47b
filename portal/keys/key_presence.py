"""Record which encryption keys each process has: a rotation uses no key that another process lacks.

Web processes do this from `portal.serving`, workers as housekeeping. A process that ends deregisters itself.
"""

import atexit
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from django.db import connections
from django.utils import timezone

from portal.core.data_folder import get_folder_id
from portal.core.health import HealthCheckError
from portal.core.leases import Heartbeat, get_running_processes, record_process
from portal.keys.models import Holder
from provisioning import encryption

logger = logging.getLogger(__name__)
BEAT = timedelta(seconds=30)
# A process seen within this time counts as active: a few heartbeats may be late.
THERE = timedelta(minutes=3)
# A process that ends waits no longer than this for its deregistration.
FAREWELL_SECONDS = 2.0
_over = threading.Event()


def record_holder(work: str) -> None:
    """Record that this process is running, with its keys. Raises KeyringError for unusable keys."""
    record_process(
        Holder, _name(os.getpid()), host=socket.gethostname()[:64], work=work,
        marks=encryption.key_marks(), folder=get_folder_id(),
    )  # fmt: skip


def record_worker_keys() -> None:
    """Record the keys of a worker; its housekeeping calls this."""
    record_holder("worker")
    _prepare_sign_off(os.getpid())


def record_web_keys() -> None:
    """Record the keys of a web process now and regularly from now on."""
    heartbeat = Heartbeat(
        "keys",
        lambda: record_holder("web server"),
        every=BEAT.total_seconds(),
        failure="the keys of this server could not be registered",
        over=_over,
    )
    heartbeat.beat_once()
    _prepare_sign_off(os.getpid())
    heartbeat.start()


def get_active_holders() -> list[Holder]:
    """Return the processes that were seen recently, by host."""
    rows = get_running_processes(Holder.objects.all(), seen_within=THERE)
    return list(rows.order_by("host", "work", "seen_at"))


def find_holders_lacking_key() -> list[Holder]:
    """Return the active processes that cannot decrypt what this process encrypts."""
    mark = encryption.key_marks()[0]
    return [holder for holder in get_active_holders() if mark not in holder.marks]


def find_holders_sealing(key_id: str) -> list[Holder]:
    """Return the active processes that encrypt with this key, even under another id."""
    mark = dict(zip(encryption.key_ids(), encryption.key_marks(), strict=True))[key_id]
    return [holder for holder in get_active_holders() if holder.marks[:1] == [mark]]


def describe_holders(holders: Iterable[Holder]) -> str:
    """Return text such as “web server on alpha (seen 12 seconds ago)”, with each server once."""
    described, now = [], timezone.now()
    for server, holder in {str(holder): holder for holder in holders}.items():
        seconds = max(0, round((now - holder.seen_at).total_seconds()))
        described.append(f"{server} (seen {seconds} second{'' if seconds == 1 else 's'} ago)")
    return ", ".join(described)


def check_keys_everywhere() -> None:
    """Raise HealthCheckError if another server could not decrypt what this one encrypts."""
    if lacking := find_holders_lacking_key():
        raise HealthCheckError(
            f"the key that this server encrypts with is missing on other servers: {describe_holders(lacking)}"
        )


def check_one_data_folder() -> None:
    """Raise HealthCheckError if processes use different data folders."""
    here = get_folder_id()
    apart = [holder for holder in get_active_holders() if holder.folder not in ("", here)]
    if here and apart:
        raise HealthCheckError(
            f"other servers use a different data folder: {describe_holders(apart)}. Exports, anchors and "
            "archives of one are missing on the other. Mount the same folder everywhere (PORTAL_DATA_DIR)"
        )


@cache
def _name(pid: int) -> str:
    """Return a unique name: two containers may have the same host name and process id."""
    return f"{socket.gethostname()[:64]}:{pid}:{uuid.uuid4().hex}"


@cache
def _prepare_sign_off(pid: int) -> None:
    """Prepare to deregister this process, so that a rotation does not wait for it after its end.

    The thread starts now, because an ending process cannot start one.
    """
    done = threading.Event()

    def sign_off() -> None:
        _over.wait()
        try:
            Holder.objects.filter(name=_name(pid)).delete()
        except Exception as error:
            logger.warning("a process ended without deregistering its keys: %s", type(error).__name__)
        finally:
            connections.close_all()
            done.set()

    def wait_for_sign_off() -> None:
        """Wait a moment, but no longer: the database may hang."""
        _over.set()
        if pid == os.getpid() and not done.wait(FAREWELL_SECONDS):  # a forked child has no row
            logger.warning("a process ended without deregistering its keys: the database did not respond")

    threading.Thread(target=sign_off, name="farewell", daemon=True).start()
    atexit.register(wait_for_sign_off)
