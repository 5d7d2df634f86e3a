"""Ends offers of lists that one person made, before two had to. They are made again by two."""

from django.db import migrations
from django.utils import timezone


def end(apps, schema_editor):
    made = apps.get_model("accounts", "Proposal").objects.filter(kind="list-give", state="made")
    by_two = set(made.values_list("subject_id", flat=True))
    offers = apps.get_model("hashsets", "ListTransfer").objects.filter(state="offered")
    offers.exclude(hash_list_id__in=by_two).update(state="ended", decided_at=timezone.now())


class Migration(migrations.Migration):

    dependencies = [
        ("hashsets", "0006_reclassified"),
        ("accounts", "0004_keys_wait_too"),
    ]

    operations = [migrations.RunPython(end, migrations.RunPython.noop)]
