import uuid

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("name", models.CharField(max_length=300)),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("fr", "Français")], default="en", max_length=2
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("session_epoch", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("email"), name="user_email_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Agreement",
            fields=[
                (
                    "version",
                    models.PositiveIntegerField(help_text="1, 2, 3 …", primary_key=True, serialize=False),
                ),
                ("text_en", models.TextField()),
                ("text_fr", models.TextField()),
                ("changes_en", models.TextField(blank=True, help_text="what is new, in a sentence or two")),
                ("changes_fr", models.TextField(blank=True)),
                ("published_at", models.DateTimeField()),
                (
                    "published_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "accept_until",
                    models.DateTimeField(
                        help_text="members that have not accepted are read-only from then on"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                (
                    "digest",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000",
                        max_length=64,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="audit_head_single")
                ],
            },
        ),
        migrations.CreateModel(
            name="Checklist",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "track",
                    models.CharField(
                        choices=[
                            ("company", "company"),
                            ("ngo", "NGO"),
                            ("government", "government"),
                            ("other", "other jurisdiction"),
                        ],
                        max_length=12,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("items", models.JSONField(help_text="see accounts.vetting.checklists")),
                (
                    "jurisdictions",
                    models.JSONField(
                        default=list,
                        help_text="whose registers are known; others go to 'other'; empty: all are",
                    ),
                ),
                ("made_at", models.DateTimeField()),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("track", "version"), name="checklist_version_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=300)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("government", "government"),
                            ("ngo", "NGO"),
                            ("company", "company"),
                            ("operator", "operator"),
                        ],
                        max_length=16,
                    ),
                ),
                ("jurisdiction", models.CharField(help_text="ISO 3166-1 alpha-2, upper case", max_length=2)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("applicant", "applicant"),
                            ("active", "active"),
                            ("suspended", "suspended"),
                            ("closed", "closed"),
                        ],
                        default="applicant",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "blocked",
                    models.JSONField(
                        default=list,
                        help_text="names of rights that open conditions take from everybody in it",
                    ),
                ),
                (
                    "read_only_since",
                    models.DateTimeField(
                        help_text="set while a review or an agreement is overdue; see accounts.vetting.standing",
                        null=True,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("name"), name="organisation_name_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["government", "ngo", "company", "operator"])),
                        name="organisation_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Acceptance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="accounts.agreement",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "accepted_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("accepted_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "agreement"), name="acceptance_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "number",
                    models.BigIntegerField(
                        help_text="1, 2, 3 … without gap, given under the head's lock",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("action", models.CharField(max_length=64)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_label", models.CharField(max_length=300)),
                ("person_id", models.UUIDField(null=True)),
                ("credential_id", models.UUIDField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organisation",
                    ),
                ),
                ("subject_type", models.CharField(max_length=32)),
                ("subject_id", models.CharField(max_length=64)),
                (
                    "facts",
                    models.JSONField(
                        default=dict, help_text="small JSON values; never hash values, keys or tokens"
                    ),
                ),
                ("previous_digest", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64, unique=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation", "-number"], name="audit_by_organisation"),
                    models.Index(fields=["subject_type", "subject_id", "-number"], name="audit_by_subject"),
                    models.Index(fields=["person_id", "-number"], name="audit_by_person"),
                    models.Index(fields=["action", "-number"], name="audit_by_action"),
                    models.Index(fields=["subject_id", "-number"], name="audit_by_subject_id"),
                    models.Index(fields=["at"], name="audit_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                ("id", models.CharField(max_length=12, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[("admission", "application"), ("review", "review")], max_length=12
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "being filled in"),
                            ("open", "being checked"),
                            ("information", "waits for the applicant"),
                            ("approved", "approved"),
                            ("declined", "declined"),
                            ("appealed", "appealed"),
                            ("rejected", "declined after an appeal"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="draft",
                        max_length=12,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cases",
                        to="accounts.organisation",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=300)),
                (
                    "answers",
                    models.JSONField(default=dict, help_text="by field; see accounts.vetting.questions"),
                ),
                ("email", models.EmailField(max_length=254)),
                ("email_proven_at", models.DateTimeField(null=True)),
                ("language", models.CharField(default="en", max_length=2)),
                (
                    "code_digest",
                    models.CharField(help_text="of the mailed code, keyed", max_length=64, unique=True),
                ),
                ("code_sent_at", models.DateTimeField()),
                (
                    "checklist",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.checklist",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "stopped_at",
                    models.DateTimeField(help_text="since when the clock stands still", null=True),
                ),
                ("stopped_seconds", models.PositiveBigIntegerField(default=0, help_text="by earlier stops")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["state", "submitted_at"], name="case_by_state"),
                    models.Index(fields=["-submitted_at"], name="case_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("purpose", "review"), ("state__in", ["draft", "open", "information", "appealed"])
                        ),
                        fields=("organisation",),
                        name="case_review_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["draft", "withdrawn"]),
                            ("checklist__isnull", False),
                            _connector="OR",
                        ),
                        name="case_has_checklist",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="notes", to="accounts.case"
                    ),
                ),
                (
                    "audience",
                    models.CharField(
                        choices=[("internal", "the exchange's people"), ("applicant", "the applicant too")],
                        max_length=12,
                    ),
                ),
                ("text", models.TextField()),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("written_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="CasePart",
            fields=[
                (
                    "id",
                    models.CharField(
                        help_text="kind, case, person", max_length=64, primary_key=True, serialize=False
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="accounts.case"
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("p", "collects evidence and proposes"),
                            ("d", "decides"),
                            ("x", "keeps out, for a conflict of interest"),
                        ],
                        max_length=1,
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                (
                    "conflict",
                    models.TextField(
                        blank=True, help_text="the interest declared, also one that came up later"
                    ),
                ),
                ("conflict_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("case", "person"), name="case_part_one_per_person"),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                django.db.models.functions.text.Substr(models.F("id"), 1, 1), models.F("kind")
                            ),
                            django.db.models.lookups.Exact(
                                django.db.models.functions.text.Substr(models.F("id"), 2, 12),
                                models.F("case"),
                            ),
                        ),
                        name="case_part_id_spells_it",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Credential",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credentials",
                        to="accounts.organisation",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "mode",
                    models.CharField(
                        choices=[("live", "live"), ("test", "test")], default="live", max_length=4
                    ),
                ),
                (
                    "hint",
                    models.CharField(
                        help_text="first characters of the key, to recognise it by", max_length=16
                    ),
                ),
                (
                    "digest",
                    models.CharField(help_text="SHA-256 of the whole key, hex", max_length=64, unique=True),
                ),
                ("scopes", models.JSONField(default=list)),
                (
                    "issued_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "networks",
                    models.JSONField(
                        db_default=models.Value([], output_field=models.JSONField()),
                        default=list,
                        help_text="where it may be used from, as CIDR networks; empty means anywhere",
                    ),
                ),
                (
                    "rolled_from",
                    models.ForeignKey(
                        help_text="the credential that this one takes over from",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rolled_to",
                        to="accounts.credential",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["organisation", "-created_at"], name="credential_by_organisation")
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="accounts.case",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "waits for a second person"),
                            ("taken", "taken"),
                            ("returned", "returned"),
                        ],
                        default="proposed",
                        max_length=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(choices=[("approve", "approve"), ("decline", "decline")], max_length=12),
                ),
                ("on_appeal", models.BooleanField(default=False)),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("identity", "identity not established"),
                            ("domain", "domain not proven"),
                            ("criteria", "membership criteria not met"),
                            ("sanctions", "sanctions or legal bar"),
                            ("incomplete", "information not provided"),
                            ("other", "another reason, in the message"),
                        ],
                        max_length=16,
                    ),
                ),
                ("message", models.TextField(blank=True, help_text="to the applicant")),
                ("note", models.TextField(blank=True, help_text="for the exchange's people only")),
                ("probation_until", models.DateTimeField(null=True)),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.casepart"
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                (
                    "decided_by",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.casepart",
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "returned_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("returned_because", models.TextField(blank=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "proposed")),
                        fields=("case",),
                        name="decision_one_proposal",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "taken")),
                        fields=("case", "on_appeal"),
                        name="decision_taken_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                django.db.models.functions.text.Substr(models.F("proposed_by"), 1, 1),
                                models.Value("p"),
                            ),
                            django.db.models.lookups.Exact(
                                django.db.models.functions.text.Substr(models.F("proposed_by"), 2, 12),
                                models.F("case"),
                            ),
                        ),
                        name="decision_proposed_by_preparer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                django.db.models.lookups.Exact(
                                    django.db.models.functions.text.Substr(models.F("decided_by"), 1, 1),
                                    models.Value("d"),
                                ),
                                django.db.models.lookups.Exact(
                                    django.db.models.functions.text.Substr(models.F("decided_by"), 2, 12),
                                    models.F("case"),
                                ),
                            ),
                            ("decided_by__isnull", True),
                            _connector="OR",
                        ),
                        name="decision_taken_by_decider",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_by__isnull", False), ("state", "taken")),
                            models.Q(
                                models.Q(("state", "taken"), _negated=True), ("decided_by__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="decision_taken_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "decline"), _negated=True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="decision_decline_says_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Condition",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conditions",
                        to="accounts.decision",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        help_text="empty until the decision is taken",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conditions",
                        to="accounts.organisation",
                    ),
                ),
                ("text", models.TextField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("blocked", models.JSONField(default=list, help_text="names of rights")),
                ("met_at", models.DateTimeField(null=True)),
                (
                    "met_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("evidence", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("met_at__isnull", True)), fields=["due_at"], name="condition_due"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DomainProof",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="domain_proof",
                        to="accounts.case",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="domain_proofs",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "domain",
                    models.CharField(
                        help_text="in lower case, internationalised names as xn--", max_length=253
                    ),
                ),
                ("token", models.CharField(max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "not proven yet"),
                            ("proven", "proven"),
                            ("lapsed", "no longer found"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        blank=True,
                        choices=[("dns", "TXT record"), ("file", "file on the website")],
                        max_length=4,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("proven_at", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField(null=True)),
                (
                    "due_at",
                    models.DateTimeField(help_text="the next look; never again when empty", null=True),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "misses",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="looks in a row that did not find it"
                    ),
                ),
                (
                    "last_answer",
                    models.CharField(
                        blank=True, help_text="a code; see accounts.domains.prove", max_length=32
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["due_at"], name="domain_proof_due")],
            },
        ),
        migrations.CreateModel(
            name="DutyContact",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duty_contacts",
                        to="accounts.organisation",
                    ),
                ),
                ("name", models.CharField(help_text="a person or, better, a desk", max_length=300)),
                ("email", models.EmailField(max_length=254)),
                ("phone", models.CharField(blank=True, max_length=40)),
                ("language", models.CharField(default="en", max_length=2)),
                ("created_at", models.DateTimeField()),
                ("checked_at", models.DateTimeField(help_text="when an admin last said that this is right")),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["checked_at"], name="duty_contact_by_check")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("organisation", "email"),
                        name="duty_contact_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
                        to="accounts.case",
                    ),
                ),
                ("item", models.CharField(help_text="code of the checklist's item", max_length=40)),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("passed", "passed"),
                            ("failed", "failed"),
                            ("not_needed", "not needed here"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "source",
                    models.CharField(help_text="where it was looked up, or who was called", max_length=300),
                ),
                ("reference", models.CharField(help_text="where the evidence is kept", max_length=300)),
                ("finding", models.TextField(blank=True, help_text="discrepancies, in words")),
                (
                    "part",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.casepart"
                    ),
                ),
                ("found_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("superseded_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("superseded_at__isnull", True)),
                        fields=["expires_at"],
                        name="evidence_by_expiry",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("superseded_at__isnull", True)),
                        fields=("case", "item"),
                        name="evidence_counts_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                django.db.models.functions.text.Substr(models.F("part"), 1, 1),
                                models.Value("p"),
                            ),
                            django.db.models.lookups.Exact(
                                django.db.models.functions.text.Substr(models.F("part"), 2, 12),
                                models.F("case"),
                            ),
                        ),
                        name="evidence_by_preparer",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="accounts.organisation",
                    ),
                ),
                ("email", models.EmailField(help_text="lower case", max_length=254)),
                ("roles", models.JSONField(default=list)),
                ("language", models.CharField(max_length=2)),
                (
                    "digest",
                    models.CharField(help_text="SHA-256 of the token, hex", max_length=64, unique=True),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at__isnull", True), ("revoked_at__isnull", True)),
                        fields=("organisation", "email"),
                        name="invitation_open_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Measure",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="measures",
                        to="accounts.organisation",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("suspension", "suspension"),
                            ("emergency", "suspension at once"),
                            ("lifting", "lifting of a suspension"),
                            ("offboarding", "end of membership"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "waits for a second person"),
                            ("done", "carried out"),
                            ("dropped", "dropped"),
                        ],
                        default="proposed",
                        max_length=12,
                    ),
                ),
                ("reason", models.TextField(help_text="told to the member")),
                ("note", models.TextField(blank=True, help_text="for the exchange's people only")),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                ("reply_until", models.DateTimeField(null=True)),
                ("reply", models.TextField(blank=True, help_text="the member's own word")),
                (
                    "replied_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("replied_at", models.DateTimeField(null=True)),
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
                ("decision_note", models.TextField(blank=True)),
            ],
            options={
                "indexes": [models.Index(fields=["organisation", "-proposed_at"], name="measure_by_member")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "proposed")),
                        fields=("organisation",),
                        name="measure_one_proposal",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            ("kind", "emergency"),
                            models.Q(
                                ("decided_by__isnull", False),
                                models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="measure_two_persons",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="accounts.organisation",
                    ),
                ),
                ("roles", models.JSONField(default=list)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("user", "organisation"),
                        name="membership_current_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OutgoingMail",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=64)),
                (
                    "reader",
                    models.ForeignKey(
                        help_text="None: no person here yet",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "address",
                    models.EmailField(help_text="where it goes when there is no reader", max_length=254),
                ),
                ("language", models.CharField(max_length=2)),
                (
                    "facts",
                    models.JSONField(
                        default=dict, help_text="small values; never hash values, keys or tokens"
                    ),
                ),
                (
                    "sealed_path",
                    models.TextField(blank=True, help_text="it may hold a one-time token; empty: no path"),
                ),
                (
                    "once",
                    models.CharField(default="", help_text="what must not be said twice", max_length=120),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("sent", "sent"),
                            ("refused", "refused"),
                            ("lapsed", "lapsed"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("queued_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("lapses_at", models.DateTimeField()),
                ("lease_until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "queued")), fields=["due_at"], name="mail_due"),
                    models.Index(fields=["ended_at"], name="mail_by_end"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "queued")),
                            models.Q(
                                models.Q(("state", "queued"), _negated=True), ("ended_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="mail_ended_with_its_time",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("once", ""), _negated=True),
                        fields=("once",),
                        name="mail_said_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Passkey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="passkeys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                ("credential_id", models.CharField(help_text="base64url", max_length=1400, unique=True)),
                ("public_part", models.TextField(help_text="attested credential data, base64url")),
                ("sign_count", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PasswordReset",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "digest",
                    models.CharField(help_text="SHA-256 of the token, hex", max_length=64, unique=True),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["user", "created_at"], name="password_reset_by_user")],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "digest",
                    models.CharField(help_text="SHA-256 of the person and the code, hex", max_length=64),
                ),
                ("created_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "digest"), name="recovery_code_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signing_keys",
                        to="accounts.organisation",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("keyid", models.CharField(help_text="TUF key id, hex", max_length=64)),
                ("keytype", models.CharField(help_text="ed25519 or ecdsa", max_length=16)),
                ("scheme", models.CharField(help_text="ed25519 or ecdsa-sha2-nistp256", max_length=32)),
                ("public", models.TextField(help_text="hex for Ed25519, PEM for ECDSA: TUF's keyval.public")),
                (
                    "custody",
                    models.CharField(
                        choices=[("hosted", "kept by the exchange"), ("own", "kept by the organisation")],
                        max_length=8,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "waits for a second person"),
                            ("active", "active"),
                            ("revoked", "revoked"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                (
                    "registered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "keyid"), name="signing_key_once_per_organisation"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_by__isnull", True),
                            models.Q(("confirmed_by", models.F("registered_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="signing_key_two_persons",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SignOn",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sign_on",
                        to="accounts.organisation",
                    ),
                ),
                ("issuer", models.CharField(max_length=500)),
                ("client_id", models.CharField(max_length=300)),
                ("sealed_secret", models.TextField()),
                (
                    "mfa_acr",
                    models.CharField(blank=True, help_text="the acr value that says so", max_length=300),
                ),
                (
                    "mfa_agreed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("set_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SignOnBinding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                ("issuer", models.CharField(max_length=500)),
                ("subject", models.CharField(max_length=255)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "issuer", "subject"), name="sign_on_subject_once"
                    ),
                    models.UniqueConstraint(
                        fields=("organisation", "issuer", "user"), name="sign_on_person_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SignOnDomain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "sign_on",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domains",
                        to="accounts.signon",
                    ),
                ),
                ("domain", models.CharField(max_length=253, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="CodeApp",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="code_app",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("sealed_seed", models.TextField()),
                ("last_step", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Standing",
            fields=[
                (
                    "organisation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to="accounts.organisation",
                    ),
                ),
                ("vetted_at", models.DateTimeField()),
                ("review_due_at", models.DateTimeField()),
                ("probation_until", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["review_due_at"], name="standing_by_review")],
            },
        ),
    ]
