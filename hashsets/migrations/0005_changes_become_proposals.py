"""Carries over what waited for a second person into the one place where everything of that kind waits now."""

from datetime import timedelta

from django.db import migrations
from django.utils import timezone


def carry_over(apps, schema_editor):
    proposal = apps.get_model("accounts", "Proposal")
    changes, now = apps.get_model("hashsets", "ListChange").objects, timezone.now()
    for change in changes.filter(state="proposed"):
        proposal.objects.create(
            organisation_id=change.organisation_id,
            kind="list-settings",
            subject_id=change.hash_list_id,
            asked=change.asked,
            proposed_by_id=change.proposed_by_id,
            proposed_for_id=change.organisation_id,
            created_at=change.created_at,
            # From now on: they had no end before, and their people are told of none.
            expires_at=now + timedelta(days=14),
        )
        # One by one: the release before may still add some.
        changes.filter(id=change.id).update(state="ended", decided_at=now)


class Migration(migrations.Migration):

    dependencies = [
        ("hashsets", "0004_handing_over"),
        ("accounts", "0003_places_before_the_rule"),
    ]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
