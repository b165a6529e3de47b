"""How gunicorn serves the portal, in demo and container: gunicorn -c python:portal.serving portal.wsgi"""

import gc
import os
from typing import Any

bind = os.environ.get("PORTAL_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
# Most of them only ever wait: for their turn to sign in (portal.staff.turnstile), or for the gateway.
threads = int(os.environ.get("WEB_THREADS", "24"))
# Above GATEWAY_DEADLINE: a worker never ends while one exchange with the gateway is still allowed to run.
timeout = 60
graceful_timeout = 20
keepalive = 5
# A control socket would be written into the home folder, which the container's user does not have.
control_socket_disable = True
# Addresses carry names people searched for; the proxy in front keeps the access log that operators want.
accesslog = None
errorlog = "-"
loglevel = os.environ.get("WEB_LOG_LEVEL", "info")


def post_worker_init(worker: Any) -> None:
    """Says which encryption keys this process holds.

    The loaded program is no garbage: a full collection walks what requests made, not all of Django.
    """
    from portal.keys.holders import holder_web  # the program is loaded by now

    holder_web()
    gc.collect()
    gc.freeze()
