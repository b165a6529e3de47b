"""Readiness warnings about background work that no worker would do."""

from datetime import timedelta

from django.conf import settings

from portal.core.health import WARNINGS, HealthCheckError
from portal.tasks.recovery import get_longest_wait, is_worker_running

# A running worker claims a run within seconds.
WAITS_TOO_LONG = timedelta(minutes=2)
# Seconds: the ready-check as a whole may take little more.
REDIS_SECONDS = 0.5


def register_checks() -> None:
    """Register the warnings of /healthz/ready."""
    WARNINGS.register("background work", check_worker)
    WARNINGS.register("Redis", check_redis)


def check_worker() -> None:
    """Raise HealthCheckError if no worker is running, or if work waits although one is."""
    if not is_worker_running():
        raise HealthCheckError(
            "no worker is running: exports and verifications are waiting (manage.py tasks_work)"
        )
    waited = get_longest_wait()
    if waited > WAITS_TOO_LONG:
        raise HealthCheckError(
            f"background work has been waiting for {waited // timedelta(minutes=1)} minutes although a "
            "worker is running: all workers are busy or cannot be reached (docs/background-work.md)"
        )


def check_redis() -> None:
    """Raise HealthCheckError if the task backend is Redis and it does not answer."""
    if settings.TASKS_BACKEND != "redis":
        return
    from redis import Redis, RedisError  # only there where TASKS_BACKEND needs it

    try:
        bounds = {"socket_connect_timeout": REDIS_SECONDS, "socket_timeout": REDIS_SECONDS}
        with Redis.from_url(settings.REDIS_URL, **bounds) as client:
            client.ping()
    except (RedisError, OSError) as error:
        raise HealthCheckError(
            f"Redis does not respond ({type(error).__name__}): background work waits until it is back"
        ) from None
