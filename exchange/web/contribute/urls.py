"""Addresses. Lists, submissions, signatures and releases: what a publisher does."""

from __future__ import annotations

from django.urls import URLPattern, path

from exchange.web.contribute import (
    benign,
    ceremonies,
    comparing,
    deciding,
    keys,
    lists,
    signers,
    signing,
    uploading,
)

_LIST = "lists/<list_id:list_id>"
_SUBMISSION = "submissions/<uuid:submission_id>"
_KEYS = "organisation/keys"

urlpatterns: list[URLPattern] = [
    path("lists/new", lists.NewList.as_view(), name="new-list"),
    path(f"{_LIST}/settings", lists.Settings.as_view(), name="settings"),
    path(f"{_LIST}/settings/change", lists.ChangeSettings.as_view(), name="change-settings"),
    path(f"{_LIST}/settings/inline-delta", lists.InlineDelta.as_view(), name="allow-inline-delta"),
    path(f"{_LIST}/settings/labels", lists.AddLabel.as_view(), name="add-label"),
    path(f"{_LIST}/settings/proposals/<uuid:change_id>", lists.DecideChange.as_view(), name="decide-change"),
    path(f"{_LIST}/close", lists.CloseList.as_view(), name="close-list"),
    path(f"{_LIST}/signers", signers.Signers.as_view(), name="signers"),
    path(f"{_LIST}/renewal", signing.SignAgain.as_view(), name="renewal"),
    path(f"{_LIST}/renewal/part", signing.RenewalPart.as_view(), name="renewal-part"),
    path(f"{_LIST}/renewal/hosted", signing.SignAgainHosted.as_view(), name="renewal-hosted"),
    path(f"{_LIST}/renewal/prepare", signers.PrepareRenewal.as_view(), name="prepare-renewal"),
    path(f"{_LIST}/transfer", signers.OfferList.as_view(), name="offer-list"),
    path("transfers", signers.Transfers.as_view(), name="transfers"),
    path("transfers/<uuid:transfer_id>", signers.AcceptTransfer.as_view(), name="accept-transfer"),
    path("transfers/<uuid:transfer_id>/end", signers.EndTransfer.as_view(), name="end-transfer"),
    path(f"{_LIST}/compare", comparing.CompareReleases.as_view(), name="compare"),
    path(f"{_LIST}/withdraw-entries", deciding.WithdrawEntries.as_view(), name="withdraw-entries"),
    path(f"{_LIST}/submissions/new", uploading.NewSubmission.as_view(), name="new-submission"),
    path(f"{_LIST}/submissions/new/file", uploading.SubmissionFile.as_view(), name="submission-file"),
    path(
        f"{_LIST}/submissions/new/<uuid:upload_id>",
        uploading.CheckSubmission.as_view(),
        name="check-submission",
    ),
    path("submissions", deciding.Queue.as_view(), name="queue"),
    path("submissions/held", deciding.Held.as_view(), name="held"),
    path(f"{_SUBMISSION}/agree", deciding.Agree.as_view(), name="agree"),
    path(f"{_SUBMISSION}/set-aside", deciding.QuarantinePage.as_view(), name="set-aside"),
    path(f"{_SUBMISSION}/signature", signing.SignRelease.as_view(), name="signature"),
    path(f"{_SUBMISSION}/signature/part", signing.SignedPart.as_view(), name="signed-part"),
    path(_KEYS, keys.Keys.as_view(), name="keys"),
    path(f"{_KEYS}/new", keys.NewKey.as_view(), name="new-key"),
    path(f"{_KEYS}/own", keys.OwnKey.as_view(), name="own-key"),
    path(f"{_KEYS}/browser", keys.BrowserKey.as_view(), name="browser-key"),
    path(f"{_KEYS}/<uuid:key_id>", keys.OneKey.as_view(), name="key"),
    path(f"{_KEYS}/<uuid:key_id>/confirm", keys.ConfirmKey.as_view(), name="confirm-key"),
    path(f"{_KEYS}/<uuid:key_id>/revoke", keys.RevokeKey.as_view(), name="revoke-key"),
    path("organisation/benign", benign.Benign.as_view(), name="benign"),
    path("ceremonies", ceremonies.Ceremonies.as_view(), name="ceremonies"),
    path("ceremonies/export", ceremonies.ExportCeremony.as_view(), name="ceremony-export"),
    path("ceremonies/import", ceremonies.ImportCeremony.as_view(), name="ceremony-import"),
]
