"""Django's entry for portal.merchant_users."""

from django.apps import AppConfig


class MerchantUsersConfig(AppConfig):
    """portal.merchant_users"""

    name = "portal.merchant_users"
