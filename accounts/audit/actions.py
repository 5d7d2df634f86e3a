"""The stable name of every act that leaves an audit event: added to, never renamed."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What happened. A name that is in the chain once must keep its meaning for ever."""

    ORGANISATION_CREATED = "organisation.created"
    ORGANISATION_SUSPENDED = "organisation.suspended"
    ORGANISATION_REINSTATED = "organisation.reinstated"

    USER_CREATED = "user.created"
    MEMBERSHIP_ADDED = "membership.added"
    MEMBERSHIP_CHANGED = "membership.changed"
    MEMBERSHIP_ENDED = "membership.ended"
    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGN_OUT = "sign_out.done"

    SECRETS_RESEALED = "secrets.resealed"

    CREDENTIAL_ISSUED = "credential.issued"
    CREDENTIAL_REVOKED = "credential.revoked"
    CREDENTIAL_ROLLED = "credential.rolled"

    KEY_REGISTERED = "key.registered"
    KEY_CONFIRMED = "key.confirmed"
    KEY_REVOKED = "key.revoked"

    LIST_CREATED = "list.created"
    LIST_CHANGED = "list.changed"
    LIST_CLOSED = "list.closed"
    LIST_KEY_ENTITLED = "list.key_entitled"
    LIST_KEY_REMOVED = "list.key_removed"
    LIST_SIGNERS_CHANGED = "list.signers_changed"
    LIST_RENEWAL_PREPARED = "list.renewal_prepared"
    LIST_RENEWAL_SIGNED = "list.renewal_signed"
    LIST_RENEWED = "list.renewed"
    LIST_TRANSFER_OFFERED = "list.transfer_offered"
    LIST_TRANSFER_ENDED = "list.transfer_ended"
    LIST_TRANSFERRED = "list.transferred"

    SUBMISSION_RECEIVED = "submission.received"
    SUBMISSION_STAGED = "submission.staged"
    SUBMISSION_REFUSED = "submission.refused"
    SUBMISSION_HELD = "submission.held"
    SUBMISSION_AGREED = "submission.agreed"
    SUBMISSION_QUARANTINE_DECIDED = "submission.quarantine_decided"
    BENIGN_ADDED = "benign.added"
    SUBMISSION_APPROVED = "submission.approved"
    SUBMISSION_RETURNED = "submission.returned"
    SUBMISSION_WITHDRAWN = "submission.withdrawn"

    DRAFT_OPENED = "draft.opened"
    DRAFT_SIGNED = "draft.signed"
    DRAFT_ABANDONED = "draft.abandoned"
    RELEASE_PUBLISHED = "release.published"
    REPOSITORY_OPENED = "repository.opened"
    REPOSITORY_RESIGNED = "repository.resigned"
    REPOSITORY_DELEGATED = "repository.delegated"

    LIST_FINDABLE_SET = "list.findable_set"
    ACCESS_REQUESTED = "access.requested"
    ACCESS_WITHDRAWN = "access.withdrawn"
    ACCESS_AGREED = "access.agreed"
    ACCESS_GRANTED = "access.granted"
    ACCESS_DECLINED = "access.declined"
    ACCESS_REVOKED = "access.revoked"
    SUBSCRIPTION_STARTED = "subscription.started"
    SUBSCRIPTION_ENDED = "subscription.ended"
    SUBSCRIPTION_POLICY_SET = "subscription.policy_set"
    ENDPOINT_REGISTERED = "endpoint.registered"
    ENDPOINT_VERIFIED = "endpoint.verified"
    ENDPOINT_PAUSED = "endpoint.paused"
    ENDPOINT_RESUMED = "endpoint.resumed"
    ENDPOINT_CLOSED = "endpoint.closed"
    ENDPOINT_SECRET_ROTATED = "endpoint.secret_rotated"  # noqa: S105 - the name of an act
    ENDPOINT_PINGED = "endpoint.pinged"
    ENDPOINT_TESTED = "endpoint.tested"
    ENDPOINT_REPLAYED = "endpoint.replayed"
    NOTICE_RESENT = "notice.resent"
    CONFIRMATION_RECEIVED = "confirmation.received"
    CONFIRMATION_MISMATCHED = "confirmation.mismatched"

    CEREMONY_EXPORTED = "ceremony.exported"
    CEREMONY_IMPORTED = "ceremony.imported"
    CEREMONY_ROOT_CREATED = "ceremony.root_created"
