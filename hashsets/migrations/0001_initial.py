import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import hashsets.lists.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="HashList",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=hashsets.lists.models.new_list_id,
                        editable=False,
                        max_length=26,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hash_lists",
                        to="accounts.organisation",
                    ),
                ),
                ("title", models.CharField(max_length=300)),
                ("description", models.TextField(blank=True, max_length=10000)),
                ("jurisdiction", models.CharField(max_length=2)),
                ("legal_basis", models.CharField(max_length=1000)),
                ("purpose", models.CharField(max_length=1000)),
                (
                    "tlp",
                    models.CharField(
                        choices=[
                            ("clear", "TLP:CLEAR"),
                            ("green", "TLP:GREEN"),
                            ("amber", "TLP:AMBER"),
                            ("amber+strict", "TLP:AMBER+STRICT"),
                            ("red", "TLP:RED"),
                        ],
                        default="amber",
                        max_length=16,
                    ),
                ),
                (
                    "audience",
                    models.CharField(
                        choices=[
                            ("public", "everyone"),
                            ("members", "all members"),
                            ("kinds", "members of some kinds"),
                            ("named", "named organisations"),
                        ],
                        default="named",
                        max_length=8,
                    ),
                ),
                ("audience_kinds", models.CharField(blank=True, default="", max_length=64)),
                (
                    "findable",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="members outside a named audience may know of it and ask for access",
                    ),
                ),
                (
                    "sandbox",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("try", "to try things with"),
                            ("bad-signature", "served with a signature that is wrong on purpose"),
                        ],
                        db_default="",
                        default="",
                        help_text="empty for real lists",
                        max_length=16,
                    ),
                ),
                ("hash_types", models.JSONField(help_text="slugs, sorted")),
                (
                    "scheme",
                    models.CharField(
                        default="none",
                        help_text="classification scheme, see hashsets.core.schemes",
                        max_length=32,
                    ),
                ),
                ("approvals_required", models.PositiveSmallIntegerField(default=1)),
                ("signature_threshold", models.PositiveSmallIntegerField(default=1)),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "active"), ("closed", "closed")], default="active", max_length=8
                    ),
                ),
                (
                    "latest_release",
                    models.PositiveIntegerField(default=0, help_text="0 until the first release"),
                ),
                (
                    "urgent_release",
                    models.PositiveIntegerField(default=0, help_text="newest release marked urgent"),
                ),
                ("released_at", models.DateTimeField(null=True)),
                (
                    "latest_manifest_sha256",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="where the current state is read from; empty until release 1",
                        max_length=64,
                    ),
                ),
                (
                    "withdrawn_before",
                    models.PositiveIntegerField(
                        default=0, help_text="files of earlier releases are served no more, by legal erasure"
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["organisation", "title"], name="list_by_organisation")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("approvals_required__gte", 1)), name="list_needs_an_approval"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("signature_threshold__gte", 1)), name="list_needs_a_signature"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("urgent_release__lte", models.F("latest_release"))),
                        name="list_urgent_is_released",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Submission",
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
                        related_name="submissions",
                        to="hashsets.hashlist",
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("add", "add entries"),
                            ("update", "update entries"),
                            ("remove", "remove entries"),
                            ("replace", "replace the whole list"),
                        ],
                        max_length=8,
                    ),
                ),
                ("urgent", models.BooleanField(default=False)),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="why, in the contributor's words", max_length=1000
                    ),
                ),
                (
                    "hash_type",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="stated for a file that does not name its hashes",
                        max_length=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "received"),
                            ("validating", "being validated"),
                            ("staged", "waits for approval"),
                            ("approved", "approved"),
                            ("drafted", "waits for signatures"),
                            ("published", "published"),
                            ("refused", "refused"),
                            ("returned", "returned"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="received",
                        max_length=12,
                    ),
                ),
                ("upload_sha256", models.CharField(max_length=64)),
                ("upload_length", models.PositiveBigIntegerField()),
                ("upload_deleted_at", models.DateTimeField(null=True)),
                ("received_at", models.DateTimeField()),
                (
                    "submitted_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "credential",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.credential",
                    ),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "claims",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="workers that began and said nothing more, since the last outcome",
                    ),
                ),
                ("rows_done", models.PositiveBigIntegerField(default=0)),
                (
                    "rows_expected",
                    models.PositiveBigIntegerField(default=0, help_text="an estimate while validating"),
                ),
                (
                    "base_release",
                    models.PositiveIntegerField(
                        default=0, help_text="the release the staged change applies to"
                    ),
                ),
                ("rows", models.PositiveBigIntegerField(default=0, help_text="data rows read")),
                ("adds", models.PositiveBigIntegerField(default=0)),
                ("updates", models.PositiveBigIntegerField(default=0)),
                ("removals", models.PositiveBigIntegerField(default=0)),
                (
                    "unchanged",
                    models.PositiveBigIntegerField(
                        default=0, help_text="rows that say what the list says already"
                    ),
                ),
                ("problems", models.PositiveBigIntegerField(default=0)),
                ("problem_counts", models.JSONField(default=dict, help_text="{code: count}, all counted")),
                (
                    "per_type",
                    models.JSONField(
                        default=dict, help_text="{hash type: {adds, updates, removals, unchanged}}"
                    ),
                ),
                (
                    "sample",
                    models.JSONField(default=list, help_text="up to 20 operations with truncated hashes"),
                ),
                ("operations_digest", models.CharField(blank=True, max_length=64)),
                ("refused_code", models.CharField(blank=True, max_length=64)),
                ("refused_message", models.CharField(blank=True, max_length=1000)),
                ("holds", models.JSONField(default=list, help_text="codes, empty when nothing is unusual")),
                ("further_approvals", models.PositiveSmallIntegerField(default=0)),
                ("exchange_must_agree", models.BooleanField(default=False)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("decision_reason", models.CharField(blank=True, max_length=1000)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["hash_list", "-received_at"], name="submission_by_list"),
                    models.Index(fields=["organisation", "-received_at"], name="submission_by_organisation"),
                    models.Index(
                        condition=models.Q(("state__in", ["received", "validating", "approved"])),
                        fields=["received_at"],
                        name="submission_with_work",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Draft",
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
                        related_name="drafts",
                        to="hashsets.hashlist",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drafts",
                        to="hashsets.submission",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("building", "being built"),
                            ("open", "waits for signatures"),
                            ("signed", "fully signed"),
                            ("published", "published"),
                            ("abandoned", "abandoned"),
                        ],
                        default="building",
                        max_length=10,
                    ),
                ),
                ("base_release", models.PositiveIntegerField()),
                (
                    "list_version",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="TUF version of the list role; never reused, abandoned drafts included",
                    ),
                ),
                ("manifest_sha256", models.CharField(blank=True, max_length=64)),
                ("manifest_length", models.PositiveIntegerField(default=0)),
                ("state_root", models.CharField(blank=True, max_length=64)),
                (
                    "signed_part",
                    models.BinaryField(
                        default=b"", help_text="canonical bytes of list.json's 'signed': what is signed"
                    ),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("opened_at", models.DateTimeField(null=True)),
                ("signed_at", models.DateTimeField(null=True)),
                (
                    "trouble",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="code of what keeps it from being published",
                        max_length=64,
                    ),
                ),
                ("troubled_at", models.DateTimeField(help_text="since when", null=True)),
                (
                    "retry_at",
                    models.DateTimeField(
                        help_text="not looked at before: somebody has to see to it", null=True
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("building", "open", "signed"))),
                        fields=("hash_list",),
                        name="draft_one_live_per_list",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Classification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="classifications",
                        to="hashsets.hashlist",
                    ),
                ),
                ("code", models.PositiveSmallIntegerField()),
                ("label", models.CharField(max_length=64)),
                ("meaning", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["code"],
                "constraints": [
                    models.UniqueConstraint(fields=("hash_list", "code"), name="classification_code_once"),
                    models.UniqueConstraint(fields=("hash_list", "label"), name="classification_label_once"),
                    models.CheckConstraint(
                        condition=models.Q(("code__gte", 1), ("code__lte", 255)),
                        name="classification_fits_a_byte",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ListAudience",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="named_audience",
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
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hash_list", "organisation"), name="list_audience_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ListChange",
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
                        related_name="changes",
                        to="hashsets.hashlist",
                    ),
                ),
                ("asked", models.JSONField(help_text="{field of the statement: value}, what changes only")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "waits for a second person"),
                            ("made", "made"),
                            ("ended", "withdrawn or declined"),
                        ],
                        default="proposed",
                        max_length=8,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "proposed")),
                        fields=("hash_list",),
                        name="list_change_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "made"), _negated=True),
                            models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="list_change_two_persons",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ListSigningKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="signers",
                        to="hashsets.hashlist",
                    ),
                ),
                (
                    "signing_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.signingkey",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hash_list", "signing_key"), name="list_signing_key_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ListTransfer",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "hash_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="hashsets.hashlist",
                    ),
                ),
                (
                    "giver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "taker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("offered", "offered"),
                            ("accepted", "accepted"),
                            ("ended", "withdrawn or declined"),
                        ],
                        default="offered",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "offered")),
                        fields=("hash_list",),
                        name="list_transfer_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("giver", models.F("taker")), _negated=True),
                        name="list_transfer_to_another",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QuarantineDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quarantine_decisions",
                        to="hashsets.submission",
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
                ("code", models.CharField(max_length=64)),
                ("accepted", models.BooleanField()),
                (
                    "rows",
                    models.PositiveBigIntegerField(help_text="set aside under this code when it was decided"),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submitter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("decided_at", models.DateTimeField()),
                ("reason", models.CharField(max_length=1000)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("submission", "code"), name="quarantine_decided_once"),
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", models.F("submitter")), _negated=True),
                        name="quarantine_by_someone_else",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Release",
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
                        related_name="releases",
                        to="hashsets.hashlist",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "draft",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="release",
                        to="hashsets.draft",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="releases",
                        to="hashsets.submission",
                    ),
                ),
                ("urgent", models.BooleanField(default=False)),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("manifest_length", models.PositiveIntegerField()),
                ("state_root", models.CharField(max_length=64)),
                (
                    "entries",
                    models.PositiveBigIntegerField(help_text="entries of all types after this release"),
                ),
                ("counts", models.JSONField(help_text="{hash type: entries}")),
                ("adds", models.PositiveBigIntegerField()),
                ("updates", models.PositiveBigIntegerField()),
                ("removals", models.PositiveBigIntegerField()),
                (
                    "delta_length",
                    models.PositiveBigIntegerField(
                        default=0, help_text="bytes of this release's delta files"
                    ),
                ),
                (
                    "snapshot_length",
                    models.PositiveBigIntegerField(
                        default=0, help_text="bytes of the current snapshot's parts"
                    ),
                ),
                ("list_version", models.PositiveIntegerField()),
                ("snapshot_version", models.PositiveIntegerField()),
                ("timestamp_version", models.PositiveIntegerField()),
                ("published_at", models.DateTimeField()),
                (
                    "withdrawn_by",
                    models.PositiveIntegerField(
                        help_text="the release that replaced it when something had to vanish: its files are gone",
                        null=True,
                    ),
                ),
                (
                    "exported_at",
                    models.DateTimeField(
                        help_text="when the three files were written out; null = owed", null=True
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["hash_list", "-number"], name="release_newest_first")],
                "constraints": [
                    models.UniqueConstraint(fields=("hash_list", "number"), name="release_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="release_number_from_one"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Repository",
            fields=[
                (
                    "id",
                    models.CharField(
                        help_text="the list's id, or 'directory'",
                        max_length=26,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "hash_list",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="repository",
                        to="hashsets.hashlist",
                    ),
                ),
                ("root_version", models.PositiveIntegerField(default=0)),
                ("targets_version", models.PositiveIntegerField(default=0)),
                (
                    "list_version",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="newest version of the delegated role that was given out, drafts included",
                    ),
                ),
                ("snapshot_version", models.PositiveIntegerField(default=0)),
                ("timestamp_version", models.PositiveIntegerField(default=0)),
                ("timestamp_expires_at", models.DateTimeField(null=True)),
                ("snapshot_expires_at", models.DateTimeField(null=True)),
                (
                    "resign_at",
                    models.DateTimeField(
                        db_index=True, help_text="when the online keys must sign again", null=True
                    ),
                ),
                (
                    "lease_until",
                    models.DateTimeField(help_text="one writer of exported files at a time", null=True),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PrivateKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("online", "signs snapshots and timestamps of one repository"),
                            ("hosted", "signs releases on a publisher's behalf"),
                            ("officer", "signs roots; kept here in the demo only"),
                            ("push", "signs notices"),
                        ],
                        max_length=8,
                    ),
                ),
                ("keyid", models.CharField(max_length=64, unique=True)),
                ("public", models.CharField(help_text="the public half, hex: no secret", max_length=64)),
                (
                    "repository",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="hashsets.repository",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "sealed",
                    models.TextField(
                        help_text="AES-GCM, see accounts.sealing; associated data is this row's id"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(help_text="null while the key is in use", null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("purpose", "online"), ("repository__isnull", False)),
                            models.Q(
                                models.Q(("purpose", "online"), _negated=True), ("repository__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="private_key_online_has_repository",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("purpose", "online"), ("retired_at__isnull", True)),
                        fields=("repository",),
                        name="private_key_one_online_each",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("purpose__in", ["officer", "push"]), ("retired_at__isnull", True)
                        ),
                        fields=("purpose",),
                        name="private_key_one_officer_one_push",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AwaitedFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="awaited_files",
                        to="hashsets.repository",
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("root", "root"), ("targets", "targets"), ("list", "list")], max_length=16
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("signed_part", models.BinaryField(help_text="canonical bytes: what is signed")),
                (
                    "signatures",
                    models.JSONField(default=dict, help_text="{key id: hex signature}, valid ones only"),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "role"), name="awaited_file_one_per_role")
                ],
            },
        ),
        migrations.CreateModel(
            name="SignedFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signed_files",
                        to="hashsets.repository",
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("root", "root"),
                            ("targets", "targets"),
                            ("list", "list"),
                            ("catalogue", "catalogue"),
                            ("snapshot", "snapshot"),
                            ("timestamp", "timestamp"),
                        ],
                        max_length=16,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("exported_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("exported_at__isnull", True)),
                        fields=["repository"],
                        name="signed_file_owed",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "role", "version"), name="signed_file_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="StagedFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staged_files",
                        to="hashsets.submission",
                    ),
                ),
                ("name", models.CharField(help_text="a hash type's slug, or 'problems'", max_length=64)),
                ("blob_key", models.CharField(max_length=300)),
                ("sha256", models.CharField(max_length=64)),
                ("length", models.PositiveBigIntegerField()),
                ("rows", models.PositiveBigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("submission", "name"), name="staged_file_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TargetFile",
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
                        related_name="target_files",
                        to="hashsets.hashlist",
                    ),
                ),
                ("path", models.CharField(help_text="TUF target path, '<list_id>/…'", max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                ("length", models.PositiveBigIntegerField()),
                ("release", models.PositiveIntegerField(help_text="the release that introduced it")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hash_list", "path", "sha256"), name="target_file_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Upload",
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="hashsets.hashlist"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("length", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "received",
                    models.PositiveBigIntegerField(
                        default=0, help_text="bytes stored so far: the next offset"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("submitted_at__isnull", True)),
                        fields=["created_at"],
                        name="upload_unfinished",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UploadPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="hashsets.upload",
                    ),
                ),
                ("start", models.PositiveBigIntegerField()),
                ("length", models.PositiveIntegerField()),
                ("blob_key", models.CharField(max_length=300)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("upload", "start"), name="upload_part_once")],
            },
        ),
        migrations.CreateModel(
            name="BenignSet",
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
                ("hash_type", models.CharField(max_length=16)),
                ("blob_key", models.CharField(max_length=300)),
                ("hashes", models.PositiveIntegerField()),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "hash_type"), name="benign_set_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="DraftSignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "draft",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures",
                        to="hashsets.draft",
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
                    "signing_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.signingkey",
                    ),
                ),
                ("signature", models.TextField(help_text="hex, as TUF metadata carries it")),
                ("person_id", models.UUIDField(null=True)),
                ("credential_id", models.UUIDField(null=True)),
                ("signed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("draft", "signing_key"), name="draft_signature_once_per_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="erasure",
                        serialize=False,
                        to="hashsets.submission",
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
                        related_name="erasures",
                        to="hashsets.hashlist",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("court_order", "court_order"),
                            ("legal_duty", "legal_duty"),
                            ("personal_data", "personal_data"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        blank=True,
                        help_text="of the order, for the publisher and the operator alone",
                        max_length=200,
                    ),
                ),
                (
                    "entries",
                    models.PositiveIntegerField(help_text="hashes that were named; none of them is kept"),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "release",
                    models.PositiveIntegerField(help_text="everything before it is withdrawn", null=True),
                ),
                (
                    "completed_at",
                    models.DateTimeField(help_text="when nothing of it was left; null = owed", null=True),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hash_list", "release"), name="erasure_once_per_release"),
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", models.F("asked_by")), _negated=True),
                        name="erasure_by_someone_else",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("release__isnull", True), ("decided_by__isnull", False), _connector="OR"
                        ),
                        name="erasure_decided_first",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="hashsets.submission",
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
                    "approver",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submitter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("approved_at", models.DateTimeField()),
                ("upload_sha256", models.CharField(max_length=64)),
                ("base_release", models.PositiveIntegerField()),
                ("operations_digest", models.CharField(max_length=64)),
                (
                    "void_at",
                    models.DateTimeField(
                        help_text="set when the staged change became another one", null=True
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("void_at__isnull", True)),
                        fields=("submission", "approver"),
                        name="approval_once_per_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("approver", models.F("submitter")), _negated=True),
                        name="approval_by_someone_else",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Agreement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agreements",
                        to="hashsets.submission",
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
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "submitter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("agreed_at", models.DateTimeField()),
                ("operations_digest", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("submission", "operations_digest"), name="agreement_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("person", models.F("submitter")), _negated=True),
                        name="agreement_by_someone_else",
                    ),
                ],
            },
        ),
    ]
