"""Addresses of the pages of merchant users, below `/<connection>/`."""

from django.urls import path

from portal.merchant_users import views

app_name = "merchant_users"
urlpatterns = [
    path("merchants/<str:guid>/users/new/", views.MerchantUserCreate.as_view(), name="create"),
    path("users/", views.MerchantUserList.as_view(), name="list"),
    path("users/<str:guid>/", views.MerchantUserPage.as_view(), name="page"),
    path("users/<str:guid>/edit/", views.MerchantUserEdit.as_view(), name="edit"),
    path("users/<str:guid>/disable/", views.MerchantUserDisable.as_view(), name="disable"),
    path("users/<str:guid>/enable/", views.MerchantUserEnable.as_view(), name="enable"),
    path(
        "users/<str:guid>/reset-password/", views.MerchantUserResetPassword.as_view(), name="reset_password"
    ),
    path("users/<str:guid>/password/", views.MerchantUserPassword.as_view(), name="password"),
    path("users/<str:guid>/history/", views.MerchantUserHistory.as_view(), name="history"),
]
