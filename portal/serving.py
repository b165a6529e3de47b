"""How gunicorn serves the portal, in demo and container: gunicorn -c python:portal.serving portal.wsgi"""

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from portal import process
from portal.core.shared_state import is_draining, set_draining
from portal.version import VERSION

logging.captureWarnings(True)  # as lines of the log, and not as text
process.set_role("web")  # before the settings are read, which happens here and not in the workers
try:
    from portal.settings.environment import LOG_LEVELS, env

    bind = env("PORTAL_BIND", default="127.0.0.1:8000")
    workers = env.int("WEB_WORKERS", default=2, lowest=1, highest=64)
    # Most of them only ever wait: for their turn to sign in (portal.staff.login_queue), or for the gateway.
    threads = env.int("WEB_THREADS", default=24, lowest=1, highest=200)
    # After SIGTERM the server goes on for so long, while ready answers 503 and proxies turn away from it.
    drain_seconds = env.float("WEB_DRAIN_SECONDS", default=5)
    loglevel = env.choice("WEB_LOG_LEVEL", *LOG_LEVELS, default="INFO").lower()
except ImproperlyConfigured as problem:
    sys.exit(f"Not started: {problem}")
worker_class = "portal.web_worker.WebWorker"
logger_class = "portal.server_log.ServerLogger"
# Above GATEWAY_TIMEOUT: a worker never ends while one exchange with the gateway is still allowed to run.
timeout = 60
graceful_timeout = 20
umask = 0o077
keepalive = 5
# gunicorn believes no peer: by default it takes SCRIPT_NAME, PATH_INFO and the scheme from every peer on this
# machine. Only portal.core.trusted_proxies decides whose headers count (TRUSTED_PROXIES).
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"  # a header with an underscore would overwrite the one with a hyphen
# A control socket would be written into the home folder, which the container's user does not have.
control_socket_disable = True
# Addresses carry names people searched for; the proxy in front keeps the access log that operators want.
accesslog = None
errorlog = "-"

# Of glibc (mallopt(3)): from 1 MiB on blocks are given back when freed, and threads share two arenas.
# Else each of 24 threads kept the largest block it ever had: with 19 MiB for a sign-in a worker held 400 MiB.
_MALLOC = {-3: 1024 * 1024, -8: 2}  # M_MMAP_THRESHOLD, M_ARENA_MAX


# Connections to the database that one process keeps open while no request needs them.
KEPT_CONNECTIONS = 6


def when_ready(server: Any) -> None:
    """Have SIGTERM begin the draining; a second one ends it at once."""
    server.log.info("Provisioning Portal %s", VERSION)
    stop = server.handle_term

    def drain() -> None:
        if is_draining() or drain_seconds <= 0:
            stop()
        set_draining()
        server.log.info("draining for %g seconds: ready answers 503", drain_seconds)
        timer = threading.Timer(drain_seconds, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()

    server.handle_term = drain


def post_worker_init(worker: Any) -> None:
    """Announce the encryption keys of this process, and let it return memory.

    The loaded program is no garbage: a full collection walks what requests made, not all of Django.
    """
    from portal.core.database import keep_few_connections  # the program is loaded by now
    from portal.keys.key_presence import record_web_keys

    record_web_keys()
    keep_few_connections(KEPT_CONNECTIONS)
    with suppress(OSError, AttributeError):  # another C library
        for option, value in _MALLOC.items():
            ctypes.CDLL(None).mallopt(option, value)
    gc.collect()
    gc.freeze()
