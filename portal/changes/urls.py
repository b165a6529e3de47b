"""Addresses below /changes/."""

from django.urls import path

from portal.changes import pages

app_name = "changes"
urlpatterns = [
    path("", pages.ChangeList.as_view(), name="list"),
    path("<uuid:pk>/", pages.ChangePage.as_view(), name="page"),
    path("<uuid:pk>/send/", pages.ChangeSend.as_view(), name="send"),
    path("<uuid:pk>/cancel/", pages.ChangeCancel.as_view(), name="cancel"),
    path("<uuid:pk>/again/", pages.ChangeAgain.as_view(), name="again"),
    path("<uuid:pk>/check/", pages.ChangeCheck.as_view(), name="check"),
    path("<uuid:pk>/close/", pages.ChangeClose.as_view(), name="close"),
    path("<uuid:pk>/dismiss/", pages.ChangeDismiss.as_view(), name="dismiss"),
    path("<uuid:pk>/adopt/", pages.ChangeAdopt.as_view(), name="adopt"),
    path("<uuid:pk>/reveal/", pages.ChangeReveal.as_view(), name="reveal"),
]
