"""Addresses of the pages about users, mounted at the root: /staff/… and /accounts/…."""

from django.urls import path

from portal.staff import (
    access_review,
    custom_roles,
    password_links,
    sessions,
    single_sign_on,
    user_page,
    views,
)

app_name = "staff"
urlpatterns = [
    path("staff/", views.StaffListView.as_view(), name="list"),
    path("staff/new/", views.UserCreateView.as_view(), name="create"),
    path("staff/access/", access_review.AccessView.as_view(), name="access"),
    path("staff/access/file/", access_review.AccessFileView.as_view(), name="access_file"),
    path("staff/access/review/", access_review.AccessReviewView.as_view(), name="access_review"),
    path("staff/roles/", custom_roles.RoleListView.as_view(), name="roles"),
    path("staff/roles/new/", custom_roles.RoleCreateView.as_view(), name="role_create"),
    path("staff/roles/<int:pk>/", custom_roles.CustomRoleView.as_view(), name="own_role"),
    path("staff/roles/<int:pk>/delete/", custom_roles.RoleDeleteView.as_view(), name="role_delete"),
    path("staff/<int:pk>/", user_page.UserView.as_view(), name="page"),
    path("staff/<int:pk>/details/", user_page.DetailsView.as_view(), name="details"),
    path("staff/<int:pk>/role/", user_page.RoleView.as_view(), name="role"),
    path("staff/<int:pk>/disable/", user_page.DisableView.as_view(), name="disable"),
    path("staff/<int:pk>/enable/", user_page.EnableView.as_view(), name="enable"),
    path("staff/<int:pk>/unlock/", user_page.UnlockView.as_view(), name="unlock"),
    path("staff/<int:pk>/sign-out/", user_page.SignOutView.as_view(), name="sign_out"),
    path("staff/<int:pk>/second-factor/", user_page.ResetAskView.as_view(), name="reset_ask"),
    path("staff/<int:pk>/second-factor/approve/", user_page.ResetApproveView.as_view(), name="reset_approve"),
    path(
        "staff/<int:pk>/second-factor/withdraw/", user_page.ResetWithdrawView.as_view(), name="reset_withdraw"
    ),
    path("staff/<int:pk>/link/", password_links.PasswordLinkView.as_view(), name="link"),
    path("staff/<int:pk>/link/withdraw/", password_links.LinkWithdrawView.as_view(), name="link_withdraw"),
    path("accounts/password/set/", password_links.PasswordSetView.as_view(), name="password_set"),
    path("accounts/password/set/<str:key>/", password_links.LinkOpenView.as_view(), name="link_open"),
    path("accounts/sso/", single_sign_on.SingleSignOnView.as_view(), name="sso"),
    path("accounts/sso/callback/", single_sign_on.CallbackView.as_view(), name="sso_callback"),
    path("accounts/sso/confirm/", single_sign_on.ConfirmThereView.as_view(), name="sso_confirm"),
    path("accounts/sessions/", sessions.SessionsView.as_view(), name="sessions"),
    path("accounts/keep-alive/", sessions.KeepAliveView.as_view(), name="keep_alive"),
    path("accounts/profile/", views.ProfileView.as_view(), name="profile"),
]
