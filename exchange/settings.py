"""The one settings file: every value comes from the environment, and no default is insecure.

Outside the demo a missing secret refuses to start (exchange/env.py); rules between settings are system checks
with ids and hints (exchange/checks.py). The demo (`HX_DEMO=1`) is meant for one machine and loopback only.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF

from exchange.env import env, fresh_secrets_key, own_folder, required, secret_or_demo, secrets_keys
from exchange.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

# What this installation is
HX_DEMO: bool = env.bool("HX_DEMO", False)
DEBUG: bool = env.bool("HX_DEBUG", False)
# The demo's visitors have no phone of the sample people: its pages show the code that it would show.
HX_DEMO_CODES: bool = env.bool("HX_DEMO_CODES", HX_DEMO)
HX_VAR: Path = own_folder(Path(env.str("HX_VAR", str(BASE_DIR / "var"))).resolve(), demo=HX_DEMO)
HX_PUBLIC_URL: str = (
    env.str("HX_PUBLIC_URL", "http://127.0.0.1:8000")
    if HX_DEMO
    else required("HX_PUBLIC_URL", why="Members, notices and e-mails need the address of this exchange.")
).rstrip("/")
_PUBLIC = urlsplit(HX_PUBLIC_URL)
HX_NAME: str = env.str("HX_NAME", "Hash Exchange")
# The address of a stylesheet, on this host, that sets the colours and the typeface again.
HX_BRAND_STYLESHEET: str = env.str("HX_BRAND_STYLESHEET", "")

# Secrets
SECRET_KEY: str = secret_or_demo(
    "SECRET_KEY",
    why="It signs sessions and links.",
    demo=HX_DEMO,
    folder=HX_VAR / "secrets",
    fresh=secrets.token_urlsafe(50),
)
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
HX_SECRETS_KEYS: tuple[tuple[str, bytes], ...] = secrets_keys(
    secret_or_demo(
        "HX_SECRETS_KEYS",
        why="It encrypts hosted signing keys and endpoint secrets at rest.",
        demo=HX_DEMO,
        folder=HX_VAR / "secrets",
        fresh=fresh_secrets_key(),
    )
)

# Who may reach it, and how
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"] if HX_DEMO else [_PUBLIC.hostname or ""]
)
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]
# Only behind a proxy that always overwrites this header, hence a decision of the operator.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("HX_BEHIND_PROXY", False) else None
SECURE_SSL_REDIRECT: bool = env.bool("HX_SSL_REDIRECT", not HX_DEMO)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if HX_DEMO else 63_072_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not HX_DEMO
SECURE_HSTS_PRELOAD = not HX_DEMO
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not HX_DEMO
SESSION_COOKIE_NAME = "hx_session" if HX_DEMO else "__Host-hx_session"
CSRF_COOKIE_NAME = "hx_csrf" if HX_DEMO else "__Host-hx_csrf"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False  # htmx sends the token from the cookie as a header
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # a session must be revocable by deleting its row
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    },
}

# The house
INSTALLED_APPS = [
    "accounts",
    "hashsets",
    "exchange",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "exchange.http.request_log.RequestLog",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "exchange.http.refused_acts.refused_acts",
]
ROOT_URLCONF = "exchange.urls"
WSGI_APPLICATION = "exchange.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "exchange.web.frame.site",
            ],
        },
    },
]

# People
# Passkeys are good for this host and those below it; a bare address can have none, hence the demo's.
HX_PASSKEY_HOST: str = env.str("HX_PASSKEY_HOST", "localhost" if HX_DEMO else _PUBLIC.hostname or "")
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

# Database: SQLite embedded, PostgreSQL in production, both first-class. No ATOMIC_REQUESTS: every step of the
# flow owns its transaction, and no parsing or HTTP happens inside one.
DATABASE_URL: str = env.str("DATABASE_URL", f"sqlite:///{HX_VAR / 'hash-exchange.sqlite3'}")
_DATABASE: dict[str, Any] = dict(
    dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)
)
if _DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    _DATABASE["OPTIONS"] = {
        # IMMEDIATE takes the write lock at BEGIN, where waiting is possible; DEFERRED takes it at the first
        # write and then fails at once with "database is locked" when another writer was faster.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL and not NORMAL: under WAL, NORMAL may lose the last commits in a power cut, and nothing that we
        # acknowledged may be lost.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    _DATABASE["OPTIONS"] = {
        "connect_timeout": 5,
        "application_name": "hash-exchange",
        **_DATABASE.get("OPTIONS", {}),
    }
DATABASES = {"default": _DATABASE}

# Cache and broker. Neither ever holds the only copy of anything that is owed.
REDIS_URL: str = env.str("REDIS_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "hx",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "hx"}
}

# Celery carries wake-ups only: what is owed is a row. Hence no result backend, no late acknowledgement (a
# redelivery would start a long task twice) and no prefetching beyond one.
HX_BROKER_FOLDER = HX_VAR / "broker"
HX_POLL_SECONDS: float = env.float("HX_POLL_SECONDS", 2.0)
CELERY_BROKER_URL = REDIS_URL or "filesystem://"
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "socket_connect_timeout": 2,
        "socket_timeout": 5,  # longer than the broker's blocking pop, or idle consumers would look dead
        "retry_on_timeout": False,
        "health_check_interval": 10,
        "visibility_timeout": 3600,
    }
else:
    for _folder in ("messages", "control"):
        (HX_BROKER_FOLDER / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(HX_BROKER_FOLDER / "messages"),
        "data_folder_out": str(HX_BROKER_FOLDER / "messages"),
        "control_folder": str(HX_BROKER_FOLDER / "control"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_DEFAULT_QUEUE = "data"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
# Celery beat, where one runs, wakes the stations that go by the calendar. The pollers find the same work
# without it, and a second beat only sends a second wake-up; one that nobody took within minutes is dropped.
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    station: {
        "task": "exchange.tasks.visit",
        "schedule": minutes * 60,
        "args": (station,),
        "options": {"queue": "data", "expires": 300},
    }
    for station, minutes in {
        "resign": 10,
        "forget-uploads": 60,
        "forget-unfinished": 60,
        "forget-calls": 60,
        "clear-leftovers": 60,
    }.items()
}
HX_QUEUES = ("data", "push", "push-urgent")

# Data plane
BLOB_URL: str = env.str("BLOB_URL", str(HX_VAR / "blobs"))
# Where nginx finds the blobs (deploy/nginx/exchange.conf); empty: the exchange sends files itself.
HX_ACCEL_LOCATION: str = env.str("HX_ACCEL_LOCATION", "").rstrip("/")
HX_S3_ENDPOINT: str = env.str("HX_S3_ENDPOINT", "")  # for s3:// elsewhere than AWS
HX_BLOB_CACHE_BYTES: int = env.int("HX_BLOB_CACHE_BYTES", 20 * 1024**3)
HX_UPLOAD_LIMIT: int = env.int("HX_UPLOAD_LIMIT", 8 * 1024**3)  # one file
HX_UPLOAD_BYTES_PER_DAY: int = env.int("HX_UPLOAD_BYTES_PER_DAY", 64 * 1024**3)  # one organisation
FILE_UPLOAD_TEMP_DIR = str(HX_VAR / "uploads")
Path(FILE_UPLOAD_TEMP_DIR).mkdir(parents=True, exist_ok=True)
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# Push: plain http and loopback endpoints exist in the demo only.
HX_LOOPBACK_ENDPOINTS: bool = env.bool("HX_LOOPBACK_ENDPOINTS", HX_DEMO)
HX_ENDPOINT_PORTS: list[int] = env.list("HX_ENDPOINT_PORTS", [443, 8443], subcast=int)
# Name servers that are asked for proofs of domains, as `address` or `address#port`; empty: the host's own.
HX_DNS_SERVERS: list[str] = env.list("HX_DNS_SERVERS", [])

# Watching it
HX_AUDIT_HEADS: Path = Path(env.str("HX_AUDIT_HEADS", str(HX_VAR / "audit-heads")))
HX_METRICS_TOKEN: str = env.str("HX_METRICS_TOKEN", "")  # without one, /metrics answers to loopback only
HX_SECURITY_CONTACT: str = env.str("HX_SECURITY_CONTACT", f"mailto:security@{_PUBLIC.hostname}")

# API. Limits per credential or person, and per network address for strangers; counted in SQL.
HX_CALLS_PER_MINUTE: int = env.int("HX_CALLS_PER_MINUTE", 1_200)
HX_CALLS_PER_DAY: int = env.int("HX_CALLS_PER_DAY", 200_000)
HX_STRANGER_CALLS_PER_MINUTE: int = env.int("HX_STRANGER_CALLS_PER_MINUTE", 600)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "exchange.http.auth.CredentialAuthentication",
        "exchange.http.auth.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["exchange.http.bodies.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "exchange.http.problems.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Hash Exchange",
    "DESCRIPTION": "Publish, approve, sign, push and confirm hash lists.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Language, time, static files, mail
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "exchange" / "locale"]
LANGUAGE_COOKIE_SECURE = not HX_DEMO
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = HX_VAR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = HX_DEMO  # the demo needs no collectstatic
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.InMemoryStorage"
    },  # uploads go to the blob store, never here
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if HX_DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
EMAIL_HOST: str = env.str("EMAIL_HOST", "")
EMAIL_PORT: int = env.int("EMAIL_PORT", 587)
EMAIL_HOST_USER: str = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = env.bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = str(HX_VAR / "mail")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", f"hash-exchange@{_PUBLIC.hostname}")

# Logs: one JSON object per line, or a readable line in the demo; hash values, keys and tokens are cut out.
LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(level=env.str("HX_LOG_LEVEL", "INFO"), human=HX_DEMO)
DJANGO_STRUCTLOG_CELERY_ENABLED = False
