"""Settings of a worker under test: those of the test run, and the kinds made for it."""

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.background"]  # noqa: F405
