"""An authority of a member's own for the certificate of one endpoint: asked for by the member, agreed to by
the operator, trusted beside the system's authorities and for this endpoint alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction
from django.db.models import QuerySet

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import LEFT, Act, require_second, why_not_second
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.sharing.models import Endpoint, EndpointState

MAX_PEM = 16_384
MAX_CERTIFICATES = 3


def propose_authority(endpoint_id: UUID, *, pem: str, actor: Actor, now: datetime) -> Endpoint:
    """Ask that certificates under `pem` be trusted at this endpoint; what was agreed before stays until then.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.closed`;
    Invalid `authority.…`, field `pem`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    Endpoint.objects.seen(endpoint_id, actor)  # first: a stranger learns nothing by what is refused
    proposed = checked_authority(pem, now=now)
    columns = {"proposed_authority": proposed, "authority_proposed_by": actor.person_id}
    return _change(endpoint_id, columns, Action.ENDPOINT_AUTHORITY_PROPOSED, actor=actor, now=now)


def drop_authority(endpoint_id: UUID, *, actor: Actor, now: datetime) -> Endpoint:
    """Trust the system's authorities alone again, and take back what was proposed.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.closed`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    columns = {"proposed_authority": "", "authority": "", "authority_proposed_by": None}
    return _change(endpoint_id, columns, Action.ENDPOINT_AUTHORITY_DROPPED, actor=actor, now=now)


def proposals(*, actor: Actor) -> QuerySet[Endpoint]:
    """Endpoints of all members whose authority waits for the operator. Errors: NotAllowed
    `permission.missing`."""
    actor.require_over_exchange()
    waiting = Endpoint.objects.exclude(proposed_authority="").exclude(state=EndpointState.CLOSED)
    return waiting.select_related("organisation").order_by("created_at", "id")


def decide_authority(
    endpoint_id: UUID, *, agree: bool, shown: str = "", actor: Actor, now: datetime
) -> Endpoint:
    """Agree to what a member proposed, or refuse it: a person of the operator, and not whoever proposed it.

    A yes is said to certificates that somebody has read: `shown` is the SHA-256 of their PEM text, hex.
    Errors: NotAllowed `permission.missing`, `actor.person_needed`, `authority.own`, `second_person.…`;
    NotFound `endpoint.not_found`; Invalid `authority.digest_missing`; Conflict `authority.none`,
    `authority.changed`.
    """
    actor.require_over_exchange()
    person = actor.person()
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True).filter(id=endpoint_id).first()
        if endpoint is None:
            raise NotFound("There is no such endpoint.", code="endpoint.not_found")
        if not endpoint.proposed_authority or endpoint.state == EndpointState.CLOSED:
            raise Conflict("Nothing is proposed for this endpoint.", code="authority.none")
        if endpoint.authority_proposed_by == person:
            own = NotAllowed("Somebody else has to decide on your own proposal.", code="authority.own")
            raise noted(own, actor=actor, subject_type="endpoint", subject_id=endpoint_id)
        if agree:
            _check_shown(endpoint, shown)
            act = Act(Permission.ORGANISATION_MANAGE, "authority.agree", "endpoint", str(endpoint_id))
            require_second(actor, act, now=now)
            _require_proposer(endpoint, now=now)
        if agree:
            endpoint.authority = endpoint.proposed_authority
        endpoint.proposed_authority, endpoint.authority_proposed_by = "", None
        endpoint.save(update_fields=["authority", "proposed_authority", "authority_proposed_by"])
        action = Action.ENDPOINT_AUTHORITY_AGREED if agree else Action.ENDPOINT_AUTHORITY_REFUSED
        _record(action, endpoint, actor=actor, now=now)
    return endpoint


def _check_shown(endpoint: Endpoint, shown: str) -> None:
    if not shown:
        raise Invalid(
            "Say which certificates you were shown.",
            code="authority.digest_missing",
            field="pem_sha256",
            advice="Send the pem_sha256 of the authority as you read it.",
        )
    if shown != endpoint.proposed_authority_sha256:
        raise Conflict(
            "The certificates are no longer those that you were shown.",
            code="authority.changed",
            advice="Look at them again, then decide.",
        )


def _require_proposer(endpoint: Endpoint, *, now: datetime) -> None:
    """Whoever proposed it still arranges endpoints there. Errors: Conflict `authority.proposer_gone`."""
    proposer, act = endpoint.authority_proposed_by, "authority.propose"
    right = Act(Permission.ENDPOINT_MANAGE, act, "endpoint", str(endpoint.id))
    if proposer is None or why_not_second(proposer, endpoint.organisation_id, right, now=now) == LEFT:
        raise Conflict(
            "Whoever proposed this authority could not propose it any more.",
            code="authority.proposer_gone",
            advice="Refuse it; the member proposes it again if it is right.",
        )


def checked_authority(pem: str, *, now: datetime) -> str:
    """`pem` with nothing in it but certificates of authorities that are valid now.

    Errors: Invalid `authority.too_long`, `authority.not_pem`, `authority.private_key`, `authority.not_ca`,
    `authority.expired`, field `pem`.
    """
    if len(pem) > MAX_PEM:
        raise _refused(f"At most {MAX_PEM} characters.", "authority.too_long")
    if "PRIVATE KEY" in pem:
        raise _refused(
            "This holds a private key, which nobody else may see. Replace that key.", "authority.private_key"
        )
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        valid = [one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in found]
        authorities = [_is_authority(one) for one in found]
    except ValueError:
        raise _refused("These are no certificates in PEM form.", "authority.not_pem") from None
    if len(found) > MAX_CERTIFICATES:
        raise _refused(f"At most {MAX_CERTIFICATES} certificates.", "authority.too_long")
    if not all(authorities):
        raise _refused("One of these is no certificate of an authority.", "authority.not_ca")
    if not all(valid):
        raise _refused("One of these certificates is not valid now.", "authority.expired")
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _change(
    endpoint_id: UUID, columns: Mapping[str, object], action: Action, *, actor: Actor, now: datetime
) -> Endpoint:
    with transaction.atomic():
        endpoint = Endpoint.objects.seen(endpoint_id, actor)
        open_ones = Endpoint.objects.of(actor).exclude(state=EndpointState.CLOSED)
        if not open_ones.filter(id=endpoint.id).update(**columns):
            raise Conflict("This endpoint is closed.", code="endpoint.closed")
        endpoint.refresh_from_db()
        _record(action, endpoint, actor=actor, now=now)
    return endpoint


def _record(action: Action, endpoint: Endpoint, *, actor: Actor, now: datetime) -> None:
    record(
        action,
        actor=actor,
        subject_type="endpoint",
        subject_id=endpoint.id,
        organisation_id=endpoint.organisation_id,
        now=now,
        facts={"host": endpoint.host},
    )


def _refused(message: str, code: str) -> Invalid:
    return Invalid(message, code=code, field="pem")
