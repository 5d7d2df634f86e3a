"""Tries to sign in are counted per network of IPv6 too. Rows of the release before leave these empty."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("exchange", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="signintry",
            name="wider",
            field=models.CharField(
                db_default="", default="", help_text="keyed digest of the /56, for IPv6", max_length=32
            ),
        ),
        migrations.AddField(
            model_name="signintry",
            name="widest",
            field=models.CharField(
                db_default="", default="", help_text="keyed digest of the /48, for IPv6", max_length=32
            ),
        ),
        migrations.AlterField(
            model_name="signintry",
            name="place",
            field=models.CharField(
                help_text="keyed digest of the IPv4 address, the /64 of IPv6, or the person's own browser",
                max_length=32,
            ),
        ),
    ]
