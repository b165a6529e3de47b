"""Map the addresses below /changes/ to views."""

from django.urls import path

from portal.changes import views

app_name = "changes"
urlpatterns = [
    path("", views.ChangeList.as_view(), name="list"),
    path("<uuid:pk>/", views.ChangePage.as_view(), name="page"),
    path("<uuid:pk>/send/", views.ChangeSend.as_view(), name="send"),
    path("<uuid:pk>/cancel/", views.ChangeCancel.as_view(), name="cancel"),
    path("<uuid:pk>/again/", views.ChangeAgain.as_view(), name="again"),
    path("<uuid:pk>/check/", views.ChangeCheck.as_view(), name="check"),
    path("<uuid:pk>/close/", views.ChangeClose.as_view(), name="close"),
    path("<uuid:pk>/dismiss/", views.ChangeDismiss.as_view(), name="dismiss"),
    path("<uuid:pk>/adopt/", views.ChangeAdopt.as_view(), name="adopt"),
    path("<uuid:pk>/reveal/", views.ChangeReveal.as_view(), name="reveal"),
]
