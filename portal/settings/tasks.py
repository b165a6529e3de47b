"""Background work: who hands it to the workers, and how long one may be silent."""

from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import env

TASKS_BACKEND = env("TASKS_BACKEND", default="database")
REDIS_URL = env.secret("REDIS_URL")
# Seconds until the run of a worker that fell silent may be taken by another one.
TASK_LEASE_SECONDS = env.int("TASK_LEASE_SECONDS", default=30)
if TASK_LEASE_SECONDS < 1:
    raise ImproperlyConfigured("TASK_LEASE_SECONDS must be at least 1.")

RQ_QUEUES: dict[str, dict[str, Any]] = {}
if TASKS_BACKEND == "database":
    TASKS_APPS = ["django_tasks", "django_tasks_db"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
elif TASKS_BACKEND == "redis":
    if not REDIS_URL:
        raise ImproperlyConfigured("TASKS_BACKEND=redis needs REDIS_URL.")
    if find_spec("django_tasks_rq") is None:
        raise ImproperlyConfigured("TASKS_BACKEND=redis needs `pip install -r requirements-redis.txt`.")
    TASKS_APPS = ["django_tasks", "django_rq", "django_tasks_rq"]
    TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
    RQ_QUEUES["default"] = {
        # Redis being away delays the work, not the page that asks for it.
        "URL": f"{REDIS_URL}{'&' if '?' in REDIS_URL else '?'}socket_connect_timeout=3&socket_timeout=5",
        "DEFAULT_TIMEOUT": 24 * 3600,  # the kinds of work have deadlines of their own
        "SERIALIZER": "rq.serializers.JSONSerializer",  # what lies in Redis must not be able to run as code
    }
else:
    raise ImproperlyConfigured("TASKS_BACKEND must be database or redis.")
