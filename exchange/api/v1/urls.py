"""Routes of /api/v1/."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from exchange.api.v1 import custody, drafts, keys, lists, releases, sharing, submissions, uploads, who

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    path("who", who.Who.as_view()),
    path("lists", lists.Lists.as_view()),
    path("lists/<str:list_id>", lists.OneList.as_view()),
    path("lists/<str:list_id>/submissions", submissions.ListSubmissions.as_view()),
    path("lists/<str:list_id>/signers", keys.ListSigners.as_view()),
    path("keys", keys.Keys.as_view()),
    path("keys/own", keys.OwnKeys.as_view()),
    path("keys/<uuid:key_id>/confirm", keys.ConfirmKey.as_view()),
    path("keys/<uuid:key_id>/revoke", custody.RevokeKey.as_view()),
    path("lists/<str:list_id>/custody", custody.Custody.as_view()),
    path("lists/<str:list_id>/renewal", custody.Renewal.as_view()),
    path("lists/<str:list_id>/renewal/signatures", custody.RenewalSignatures.as_view()),
    path("lists/<str:list_id>/close", custody.CloseList.as_view()),
    path("lists/<str:list_id>/releases", releases.Releases.as_view()),
    path("lists/<str:list_id>/releases/<int:number>", releases.OneRelease.as_view()),
    path("lists/<str:list_id>/confirmations", releases.Confirmations.as_view()),
    path("submissions/<uuid:submission_id>", submissions.OneSubmission.as_view()),
    path("submissions/<uuid:submission_id>/problems", submissions.Problems.as_view()),
    path(
        "submissions/<uuid:submission_id>/problems.csv",
        submissions.ProblemsCsv.as_view(),
        name="problems-csv",
    ),
    path("submissions/<uuid:submission_id>/approve", submissions.Approve.as_view()),
    path("submissions/<uuid:submission_id>/quarantine", submissions.Quarantine.as_view()),
    path("submissions/<uuid:submission_id>/agree", submissions.Agree.as_view()),
    path("uploads", uploads.Uploads.as_view()),
    path("uploads/<uuid:upload_id>", uploads.OneUpload.as_view()),
    path("uploads/<uuid:upload_id>/submit", uploads.SubmitUpload.as_view()),
    path("benign", uploads.Benign.as_view()),
    path("held", submissions.Held.as_view()),
    path("submissions/<uuid:submission_id>/return", submissions.Return.as_view()),
    path("submissions/<uuid:submission_id>/withdraw", submissions.Withdraw.as_view()),
    path("submissions/<uuid:submission_id>/signatures", submissions.Signatures.as_view()),
    path("submissions/<uuid:submission_id>/draft/<str:name>", drafts.DraftFile.as_view()),
    path("subscriptions", sharing.Subscriptions.as_view()),
    path("subscriptions/<uuid:subscription_id>", sharing.OneSubscription.as_view()),
    path("endpoints", sharing.Endpoints.as_view()),
    path("endpoints/<uuid:endpoint_id>", sharing.OneEndpoint.as_view()),
    path("endpoints/<uuid:endpoint_id>/verify", sharing.VerifyEndpoint.as_view()),
    path("endpoints/<uuid:endpoint_id>/resume", sharing.ResumeEndpoint.as_view()),
    path("endpoints/<uuid:endpoint_id>/secret", sharing.RotateSecret.as_view()),
    path("attempts", sharing.Attempts.as_view()),
]
