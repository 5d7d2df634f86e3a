"""What machines ask: is it alive, is it ready, how is it doing, where is everything."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.errors import Refusal
from exchange.operate.figures import exposition
from exchange.poller import heartbeat_ages
from exchange.push.health import oldest_due_seconds
from hashsets.trust import push_key
from hashsets.trust.directory import root_fingerprints
from hashsets.trust.models import Repository

# A notice that has been due for longer than this means that nobody is delivering.
OLDEST_DUE_SECONDS = 60.0
# A delivery run ends within seconds of its slowest endpoint; a poller silent for longer is not running.
SILENT_AFTER_SECONDS = 120.0
PUSH_QUEUES = frozenset({"push", "push-urgent"})
LOOPBACK = frozenset({"127.0.0.1", "::1"})


def package_version() -> str:
    try:
        return version("hash-exchange")
    except PackageNotFoundError:
        return "unknown"


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """503 with the failing checks when the exchange cannot do its work here."""
    checks = {"database": _database(), "push": _push(), "trust": _trust(), "workers": _workers()}
    good = all(checks.values())
    return JsonResponse({"ready": good, "checks": checks}, status=200 if good else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except DatabaseError:
        return False


def _push() -> bool:
    """No notice that could be sent has waited for longer than a minute."""
    try:
        return oldest_due_seconds(timezone.now()) <= OLDEST_DUE_SECONDS
    except DatabaseError:
        return False


def _trust() -> bool:
    """Every published timestamp is still valid."""
    try:
        return not Repository.objects.filter(timestamp_expires_at__lt=timezone.now()).exists()
    except DatabaseError:
        return False


def _workers() -> bool:
    """The push pollers on this machine, if any ran here, have looked for work lately.

    Data workers are not asked: a validation of a hundred million lines may keep one busy for minutes.
    """
    ages = heartbeat_ages(now=timezone.now())
    looked = [age for queue, age in ages.items() if queue in PUSH_QUEUES and age is not None]
    return all(age <= SILENT_AFTER_SECONDS for age in looked)


@require_safe
def well_known(request: HttpRequest) -> JsonResponse:
    """Where everything is; members compare the fingerprints with what they got out of band."""
    base = settings.HX_PUBLIC_URL
    try:
        push: str | None = push_key.public_key()
    except Refusal:  # before the officers' first ceremony there is none
        push = None
    return JsonResponse(
        {
            "name": "Hash Exchange",
            "version": package_version(),
            "api": f"{base}/api/v1/",
            "openapi": f"{base}/api/v1/schema/",
            "tuf": {"directory": f"{base}/tuf/directory/", "lists": f"{base}/tuf/<list_id>/"},
            "directory_roots": root_fingerprints(),
            "push": {"type": "release.published", "push_key": push},
            "demo": bool(settings.HX_DEMO),
        }
    )


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """RFC 9116."""
    expires = (timezone.now() + timedelta(days=180)).replace(microsecond=0).isoformat()
    contact = settings.HX_SECURITY_CONTACT
    text = f"Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en, fr\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_safe
def change_password(request: HttpRequest) -> HttpResponse:
    """W3C, "A Well-Known URL for Changing Passwords": where password managers send a person."""
    return redirect("web:password")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """RFC 9309: a search engine may find the front page, so that a platform can apply, and nothing else."""
    return HttpResponse("User-agent: *\nAllow: /$\nDisallow: /\n", content_type="text/plain; charset=utf-8")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask here for the mark of an answer that is not a page: a download, a plain error."""
    return redirect(static("web/mark.svg"))


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. Not public: a token (HX_METRICS_TOKEN) opens it, loopback alone does without one."""
    token = settings.HX_METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    allowed = constant_time_compare(given, token) if token else request.META.get("REMOTE_ADDR") in LOOPBACK
    if not allowed:
        return HttpResponse(status=404)
    return HttpResponse(exposition(timezone.now()), content_type="text/plain; version=0.0.4; charset=utf-8")
