"""Carries over what waited for a second person into the one place where everything of that kind waits now."""

from datetime import timedelta

from django.db import migrations


def carry_over(apps, schema_editor):
    proposal = apps.get_model("accounts", "Proposal")
    waiting = apps.get_model("hashsets", "ListChange").objects.filter(state="proposed")
    for change in waiting:
        proposal.objects.create(
            organisation_id=change.organisation_id,
            kind="list-settings",
            subject_id=change.hash_list_id,
            asked=change.asked,
            proposed_by_id=change.proposed_by_id,
            proposed_for_id=change.organisation_id,
            created_at=change.created_at,
            expires_at=change.created_at + timedelta(days=14),
        )
    waiting.update(state="ended")


class Migration(migrations.Migration):

    dependencies = [
        ("hashsets", "0004_handing_over"),
        ("accounts", "0003_places_before_the_rule"),
    ]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
