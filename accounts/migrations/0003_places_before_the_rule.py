"""Marks what was arranged before two people had to: it goes on working, and admins look at it once."""

from django.db import migrations
from django.db.models import F


def mark(apps, schema_editor):
    membership = apps.get_model("accounts", "Membership")
    membership.objects.filter(confirmed_as="").update(confirmed_roles=F("roles"), confirmed_as="before")
    apps.get_model("accounts", "SignOn").objects.filter(confirmed_as="").update(confirmed_as="before")


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0002_two_people"),
    ]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
