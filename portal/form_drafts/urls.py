"""Map the addresses below /drafts/ to views."""

from django.urls import path

from portal.form_drafts import views

app_name = "form_drafts"
urlpatterns = [
    path("save/", views.SaveDraft.as_view(), name="save"),
    path("<uuid:pk>/discard/", views.DiscardDraft.as_view(), name="discard"),
]
