import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("hashsets", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "who",
                    models.CharField(
                        help_text="credential, person, or keyed digest of an address", max_length=64
                    ),
                ),
                (
                    "window",
                    models.CharField(choices=[("minute", "a minute"), ("day", "a day")], max_length=6),
                ),
                ("start", models.DateTimeField()),
                ("calls", models.PositiveIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["start"], name="call_count_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("who", "window", "start"), name="call_count_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="accounts.organisation",
                    ),
                ),
                ("url", models.CharField(max_length=2000)),
                (
                    "host",
                    models.CharField(
                        help_text="host and port in lower case: fairness is per host", max_length=300
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unverified", "ownership not proven yet"),
                            ("active", "active"),
                            ("paused", "paused"),
                            ("closed", "closed"),
                        ],
                        default="unverified",
                        max_length=12,
                    ),
                ),
                (
                    "sealed_secret",
                    models.TextField(
                        help_text="AES-GCM, see accounts.sealing; associated data is this row's id"
                    ),
                ),
                ("sealed_previous_secret", models.TextField(blank=True)),
                ("previous_secret_until", models.DateTimeField(null=True)),
                (
                    "proposed_authority",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="PEM that the member asks us to trust, not agreed to yet",
                    ),
                ),
                (
                    "authority",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="PEM trusted beside the system's, for this endpoint",
                    ),
                ),
                (
                    "authority_proposed_by",
                    models.UUIDField(help_text="the person answerable for the proposal", null=True),
                ),
                ("created_at", models.DateTimeField()),
                ("verified_at", models.DateTimeField(null=True)),
                (
                    "paused_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("asked", "paused by the member"),
                            ("gone", "the endpoint answered 410"),
                            ("failing", "nothing was delivered for five days"),
                        ],
                        max_length=64,
                    ),
                ),
                ("due_at", models.DateTimeField(help_text="not before this (back-off)")),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "urgent_lease_until",
                    models.DateTimeField(
                        help_text="of the urgent lane, which may be in flight beside the routine one",
                        null=True,
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0, help_text="in a row")),
                ("failing_since", models.DateTimeField(null=True)),
                (
                    "warned",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "nothing"), (1, "failing for an hour"), (2, "failing for a day")],
                        db_default=0,
                        default=0,
                    ),
                ),
                ("last_success_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation", "-created_at"], name="endpoint_by_organisation"),
                    models.Index(
                        condition=models.Q(("state", "active")), fields=["due_at"], name="endpoint_due"
                    ),
                    models.Index(
                        condition=models.Q(("failing_since__isnull", False)),
                        fields=["failing_since"],
                        name="endpoint_failing",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="exchange.endpoint",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                ("notice_id", models.CharField(help_text="webhook-id, stable across tries", max_length=64)),
                (
                    "kind",
                    models.CharField(help_text="release, challenge, ping, test or resend", max_length=16),
                ),
                ("urgent", models.BooleanField(default=False)),
                ("releases", models.JSONField(default=dict)),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        help_text="delivered, refused, timeout, unreachable, blocked, …", max_length=24
                    ),
                ),
                (
                    "status",
                    models.PositiveSmallIntegerField(help_text="HTTP status, if an answer came", null=True),
                ),
                ("request_body", models.TextField(blank=True)),
                (
                    "response_head",
                    models.TextField(blank=True, help_text="first bytes of the answer, at most 1 KB kept"),
                ),
                ("error", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["endpoint", "-id"], name="attempt_by_endpoint"),
                    models.Index(fields=["organisation", "-id"], name="attempt_by_organisation"),
                ],
            },
        ),
        migrations.CreateModel(
            name="EndpointCursor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cursors",
                        to="exchange.endpoint",
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cursors",
                        to="hashsets.hashlist",
                    ),
                ),
                ("notified_release", models.PositiveIntegerField(default=0)),
                ("notified_at", models.DateTimeField(null=True)),
                (
                    "urgent_release",
                    models.PositiveIntegerField(default=0, help_text="the urgent release last tried"),
                ),
                ("urgent_tries", models.PositiveSmallIntegerField(default=0)),
                ("urgent_due_at", models.DateTimeField(null=True)),
                (
                    "urgent_warned_release",
                    models.PositiveIntegerField(
                        db_default=0, default=0, help_text="the urgent release whose silence was told of"
                    ),
                ),
                (
                    "replays",
                    models.PositiveIntegerField(
                        db_default=0,
                        default=0,
                        help_text="how often it was put back: a replayed notice has an id of its own",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hash_list", "notified_release"], name="endpoint_cursor_behind")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("endpoint", "hash_list"), name="endpoint_cursor_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Fetch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fetches",
                        to="hashsets.hashlist",
                    ),
                ),
                ("release", models.PositiveIntegerField()),
                ("fetched_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hash_list", "release", "organisation"), name="fetch_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Notified",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="hashsets.hashlist"
                    ),
                ),
                ("release", models.PositiveIntegerField()),
                ("notified_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hash_list", "release", "organisation"), name="notified_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OpenSession",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("session_key", models.CharField(max_length=40, unique=True)),
                ("epoch", models.PositiveIntegerField(help_text="the person's session epoch when it began")),
                ("how", models.CharField(help_text="the proof that it began with", max_length=16)),
                ("device", models.CharField(help_text="what the browser called itself", max_length=200)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-seen_at"], name="open_session_by_user"),
                    models.Index(fields=["seen_at"], name="open_session_by_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RememberedCall",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                ("key", models.CharField(help_text="as the caller chose it", max_length=255)),
                (
                    "token",
                    models.UUIDField(
                        default=uuid.uuid4, help_text="whose turn it is; changes when a lease runs out"
                    ),
                ),
                (
                    "lease_until",
                    models.DateTimeField(
                        help_text="until then a call without an answer is taken to be running"
                    ),
                ),
                (
                    "digest",
                    models.CharField(
                        blank=True,
                        help_text="SHA-256 of method, address and body; empty while running",
                        max_length=64,
                    ),
                ),
                (
                    "status",
                    models.PositiveSmallIntegerField(
                        help_text="HTTP status of the answer; null = none", null=True
                    ),
                ),
                ("media_type", models.CharField(blank=True, max_length=100)),
                (
                    "sealed_body",
                    models.TextField(blank=True, help_text="AES-GCM: an answer may show a secret once"),
                ),
                ("kept_until", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["kept_until"], name="remembered_call_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "key"), name="remembered_call_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SignInTry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("who", models.CharField(help_text="keyed digest of the e-mail address", max_length=32)),
                ("place", models.CharField(help_text="keyed digest of the network address", max_length=32)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["who", "place", "at"], name="sign_in_try_by_who"),
                    models.Index(fields=["place", "at"], name="sign_in_try_by_place"),
                    models.Index(fields=["at"], name="sign_in_try_by_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="hashsets.hashlist",
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "policy",
                    models.JSONField(default=dict, help_text="see hashsets.core.policy; {} asks for nothing"),
                ),
                (
                    "inline_delta",
                    models.BooleanField(
                        db_default=False, default=False, help_text="small deltas travel in the notice itself"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("organisation", "hash_list"),
                        name="subscription_current_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="hashsets.hashlist",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                ("reason", models.CharField(max_length=1000)),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "waits for the publisher"),
                            ("agreed", "one person has agreed, a second must"),
                            ("granted", "granted"),
                            ("declined", "declined"),
                            ("withdrawn", "withdrawn"),
                            ("revoked", "granted once, ended since"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "agreed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("agreed_at", models.DateTimeField(null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, help_text="what the asker reads", max_length=1000)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation", "-requested_at"], name="access_by_organisation"),
                    models.Index(fields=["hash_list", "-requested_at"], name="access_by_list"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("open", "agreed"))),
                        fields=("hash_list", "organisation"),
                        name="access_request_live_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["granted", "revoked"]), _negated=True),
                            models.Q(
                                ("agreed_by__isnull", False),
                                ("decided_by__isnull", False),
                                models.Q(("agreed_by", models.F("decided_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="access_granted_by_two",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Confirmation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="confirmations",
                        to="hashsets.hashlist",
                    ),
                ),
                ("release", models.PositiveIntegerField()),
                ("state_root", models.CharField(max_length=64)),
                ("hash_types", models.JSONField(help_text="the types applied")),
                (
                    "matches",
                    models.BooleanField(help_text="the root equals the release's; false is an alarm"),
                ),
                ("applied_at", models.DateTimeField(help_text="by the member's clock")),
                ("received_at", models.DateTimeField()),
                ("credential_id", models.UUIDField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["hash_list", "release"], name="confirmation_by_release")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "hash_list", "release", "state_root"),
                        name="confirmation_once",
                    )
                ],
            },
        ),
    ]
