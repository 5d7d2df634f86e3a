"""Sends what is owed, one letter after the other (design: rows first).

Steps: (1) claim the row by lease; (2) render; (3) hand it to the mail server, outside of any transaction;
(4) mark it sent and forget its words. A worker that dies between (3) and (4) sends again when the lease ends:
a letter may come twice, under one Message-ID, but never not at all.
"""

from __future__ import annotations

import smtplib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from accounts.mail.models import MailState, OutgoingMail, OutgoingMailQuerySet
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import unseal
from exchange.mail.render import rendered

log = structlog.get_logger(__name__)

WAIT_FOR_SERVER: Final = timedelta(minutes=1)
KEPT_FOR: Final = timedelta(days=90)
MOST_TRIES: Final = 8


def mail_due(now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """The letters that wait longest."""
    return list(OutgoingMail.objects.due(now).values_list("id", flat=True)[:limit])


def send_mail(mail_id: uuid.UUID, *, now: datetime) -> None:
    """Send one letter, or put it off. A server that is away puts off all that is due, not each in turn."""
    mail = OutgoingMail.objects.claim(mail_id, now=now)  # (1)
    if mail is None:
        return
    if now >= mail.lapses_at or (mail.reader is not None and not mail.reader.is_active):
        _end(mail, MailState.LAPSED, now)
        return
    try:
        message = _message(mail)  # (2)
        connection = get_connection()
        connection.open()
    except (OSError, smtplib.SMTPException) as away:
        log.warning("mail.server_away", reason=type(away).__name__)
        waiting = OutgoingMail.objects.filter(state=MailState.QUEUED, due_at__lte=now)
        waiting.update(due_at=now + WAIT_FOR_SERVER, lease_until=None)
        return
    try:
        connection.send_messages([message])  # (3)
    except (OSError, smtplib.SMTPException) as refused:
        _put_off(mail, type(refused).__name__, now)
        return
    finally:
        connection.close()
    _end(mail, MailState.SENT, now)  # (4)


def forgetting_due(now: datetime, limit: int) -> Sequence[str]:
    """Whether letters ended so long ago that even their addresses should go."""
    return ["mail"][:limit] if _forgettable(now).exists() else []


def forget_mail(_key: str, *, now: datetime) -> None:
    _forgettable(now).delete()


def _forgettable(now: datetime) -> OutgoingMailQuerySet:
    return OutgoingMail.objects.filter(ended_at__lt=now - KEPT_FOR)


def _message(mail: OutgoingMail) -> EmailMultiAlternatives:
    path = (
        unseal(mail.sealed_path, keyring=current_keyring(), context=mail.context).decode()
        if mail.sealed_path
        else ""
    )
    language = mail.reader.language if mail.reader else mail.language
    letter = rendered(mail.kind, facts=mail.facts, path=path, language=language)
    host = urlsplit(settings.HX_PUBLIC_URL).hostname
    message = EmailMultiAlternatives(
        letter.subject,
        letter.text,
        to=[mail.reader.email if mail.reader else mail.address],
        headers={
            "Message-ID": f"<{mail.id}@{host}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": language,
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message


def _put_off(mail: OutgoingMail, reason: str, now: datetime) -> None:
    """Try again after 1, 2, 4 … minutes; a letter that the server never takes is given up, and shows."""
    log.warning("mail.not_taken", mail=str(mail.id), kind=mail.kind, tries=mail.tries + 1, reason=reason)
    if mail.tries + 1 >= MOST_TRIES:
        _end(mail, MailState.REFUSED, now)
        return
    wait = timedelta(minutes=2**mail.tries)
    OutgoingMail.objects.filter(id=mail.id, state=MailState.QUEUED).update(
        tries=mail.tries + 1, due_at=now + wait, lease_until=None
    )


def _end(mail: OutgoingMail, state: MailState, now: datetime) -> None:
    OutgoingMail.objects.filter(id=mail.id, state=MailState.QUEUED).update(
        state=state, ended_at=now, lease_until=None, tries=mail.tries + 1, facts={}, sealed_path=""
    )
