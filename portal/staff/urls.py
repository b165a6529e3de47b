"""Addresses of the people's pages, mounted at the root: /staff/… and /accounts/profile/."""

from django.urls import path

from portal.staff import (
    access_views,
    password_link_views,
    role_views,
    session_views,
    user_details_views,
    views,
)
from portal.staff import mfa_reset_views as resets
from portal.staff import single_sign_on_views as sso

app_name = "staff"
urlpatterns = [
    path("staff/", views.StaffListView.as_view(), name="list"),
    path("staff/new/", views.PersonCreateView.as_view(), name="create"),
    path("staff/access/", access_views.AccessView.as_view(), name="access"),
    path("staff/access/file/", access_views.AccessFileView.as_view(), name="access_file"),
    path("staff/access/review/", access_views.AccessReviewView.as_view(), name="access_review"),
    path("staff/roles/", role_views.RoleListView.as_view(), name="roles"),
    path("staff/roles/new/", role_views.RoleCreateView.as_view(), name="role_create"),
    path("staff/roles/<int:pk>/", role_views.OwnRoleView.as_view(), name="own_role"),
    path("staff/roles/<int:pk>/delete/", role_views.RoleDeleteView.as_view(), name="role_delete"),
    path("staff/<int:pk>/", views.PersonView.as_view(), name="page"),
    path("staff/<int:pk>/details/", user_details_views.DetailsView.as_view(), name="details"),
    path("staff/<int:pk>/role/", views.RoleView.as_view(), name="role"),
    path("staff/<int:pk>/disable/", views.DisableView.as_view(), name="disable"),
    path("staff/<int:pk>/enable/", views.EnableView.as_view(), name="enable"),
    path("staff/<int:pk>/unlock/", views.UnlockView.as_view(), name="unlock"),
    path("staff/<int:pk>/sign-out/", views.SignOutView.as_view(), name="sign_out"),
    path("staff/<int:pk>/second-factor/", resets.ResetAskView.as_view(), name="reset_ask"),
    path("staff/<int:pk>/second-factor/approve/", resets.ResetApproveView.as_view(), name="reset_approve"),
    path("staff/<int:pk>/second-factor/withdraw/", resets.ResetWithdrawView.as_view(), name="reset_withdraw"),
    path("staff/<int:pk>/link/", password_link_views.PasswordLinkView.as_view(), name="link"),
    path(
        "staff/<int:pk>/link/withdraw/", password_link_views.LinkWithdrawView.as_view(), name="link_withdraw"
    ),
    path("accounts/password/set/", password_link_views.PasswordSetView.as_view(), name="password_set"),
    path("accounts/password/set/<str:key>/", password_link_views.LinkOpenView.as_view(), name="link_open"),
    path("accounts/sso/", sso.SingleSignOnView.as_view(), name="sso"),
    path("accounts/sso/callback/", sso.CallbackView.as_view(), name="sso_callback"),
    path("accounts/sso/confirm/", sso.ConfirmThereView.as_view(), name="sso_confirm"),
    path("accounts/sessions/", session_views.SessionsView.as_view(), name="sessions"),
    path("accounts/keep-alive/", session_views.KeepAliveView.as_view(), name="keep_alive"),
    path("accounts/profile/", views.ProfileView.as_view(), name="profile"),
]
