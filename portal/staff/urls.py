"""Addresses of the people's pages, mounted at the root: /staff/… and /accounts/profile/."""

from django.urls import path

from portal.staff import session_views, views

app_name = "staff"
urlpatterns = [
    path("staff/", views.StaffListView.as_view(), name="list"),
    path("staff/new/", views.PersonCreateView.as_view(), name="create"),
    path("staff/<int:pk>/", views.PersonView.as_view(), name="page"),
    path("staff/<int:pk>/role/", views.RoleView.as_view(), name="role"),
    path("staff/<int:pk>/disable/", views.DisableView.as_view(), name="disable"),
    path("staff/<int:pk>/enable/", views.EnableView.as_view(), name="enable"),
    path("staff/<int:pk>/unlock/", views.UnlockView.as_view(), name="unlock"),
    path("staff/<int:pk>/second-factor/", views.SecondFactorResetView.as_view(), name="second_factor"),
    path("staff/<int:pk>/link/", views.PasswordLinkView.as_view(), name="link"),
    path("accounts/sessions/", session_views.SessionsView.as_view(), name="sessions"),
    path("accounts/keep-alive/", session_views.KeepAliveView.as_view(), name="keep_alive"),
    path("accounts/profile/", views.ProfileView.as_view(), name="profile"),
]
