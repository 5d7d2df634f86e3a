"""Addresses. Catalogue, subscriptions, credentials and endpoints: what a member does."""

from __future__ import annotations

from django.urls import URLPattern, path

from exchange.web.subscribe import access, attempts, catalogue, credentials, endpoints, following, start

_ENTRY = "catalogue/<list_id:list_id>"
_ACCESS = "lists/<list_id:list_id>/access"
_SUBSCRIPTION = "subscriptions/<uuid:subscription_id>"
_CREDENTIAL = "organisation/credentials/<uuid:credential_id>"
_ENDPOINT = "endpoints/<uuid:endpoint_id>"

urlpatterns: list[URLPattern] = [
    path("catalogue", catalogue.Catalogue.as_view(), name="catalogue"),
    path(_ENTRY, catalogue.Entry.as_view(), name="catalogue-entry"),
    path(f"{_ENTRY}/follow", catalogue.Follow.as_view(), name="follow"),
    path(f"{_ENTRY}/ask", catalogue.Ask.as_view(), name="ask"),
    path(
        f"{_ENTRY}/ask/<uuid:request_id>/withdraw",
        catalogue.WithdrawAsking.as_view(),
        name="withdraw-asking",
    ),
    path(_ACCESS, access.ListAccess.as_view(), name="list-access"),
    path(f"{_ACCESS}/findable", access.SetFindable.as_view(), name="set-findable"),
    path(f"{_ACCESS}/<uuid:request_id>", access.OneRequest.as_view(), name="access-request"),
    path(f"{_ACCESS}/<uuid:request_id>/agree", access.Agree.as_view(), name="agree-access"),
    path(f"{_ACCESS}/<uuid:request_id>/decline", access.Decline.as_view(), name="decline-access"),
    path(f"{_ACCESS}/<uuid:request_id>/revoke", access.Revoke.as_view(), name="revoke-access"),
    path("subscriptions", following.Subscriptions.as_view(), name="subscriptions"),
    path(_SUBSCRIPTION, following.OneSubscription.as_view(), name="subscription"),
    path(f"{_SUBSCRIPTION}/policy", following.Policy.as_view(), name="policy"),
    path(f"{_SUBSCRIPTION}/inline-delta", following.InlineDelta.as_view(), name="ask-inline-delta"),
    path(f"{_SUBSCRIPTION}/end", following.End.as_view(), name="end-subscription"),
    path("organisation/credentials", credentials.Credentials.as_view(), name="credentials"),
    path("organisation/credentials/new", credentials.NewCredential.as_view(), name="new-credential"),
    path(_CREDENTIAL, credentials.OneCredential.as_view(), name="credential"),
    path(f"{_CREDENTIAL}/roll", credentials.Roll.as_view(), name="roll-credential"),
    path(f"{_CREDENTIAL}/revoke", credentials.Revoke.as_view(), name="revoke-credential"),
    path("endpoints", endpoints.Endpoints.as_view(), name="endpoints"),
    path("endpoints/new", endpoints.NewEndpoint.as_view(), name="new-endpoint"),
    path(_ENDPOINT, endpoints.OneEndpoint.as_view(), name="endpoint"),
    path(f"{_ENDPOINT}/verify", endpoints.Verify.as_view(), name="verify-endpoint"),
    path(f"{_ENDPOINT}/ping", endpoints.Ping.as_view(), name="ping-endpoint"),
    path(f"{_ENDPOINT}/test", endpoints.Test.as_view(), name="test-endpoint"),
    path(f"{_ENDPOINT}/pause", endpoints.Pause.as_view(), name="pause-endpoint"),
    path(f"{_ENDPOINT}/resume", endpoints.Resume.as_view(), name="resume-endpoint"),
    path(f"{_ENDPOINT}/secret", endpoints.Rotate.as_view(), name="rotate-secret"),
    path(f"{_ENDPOINT}/address", endpoints.Move.as_view(), name="move-endpoint"),
    path(f"{_ENDPOINT}/replay", endpoints.Replay.as_view(), name="replay-endpoint"),
    path(f"{_ENDPOINT}/close", endpoints.Close.as_view(), name="close-endpoint"),
    path("attempts", attempts.Attempts.as_view(), name="attempts"),
    path("attempts/<int:attempt_id>", attempts.OneAttempt.as_view(), name="attempt"),
    path("attempts/<int:attempt_id>/resend", attempts.Resend.as_view(), name="resend-attempt"),
    path("getting-started", start.GettingStarted.as_view(), name="getting-started"),
    path("getting-started/quick-start", start.QuickStart.as_view(), name="quick-start"),
    path("getting-started/sandbox", start.SandboxPage.as_view(), name="sandbox"),
    # Where the `type` of every problem document leads.
    path("api/v1/errors", start.ErrorCodes.as_view(), name="error-codes"),
]
