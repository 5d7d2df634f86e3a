from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hashsets", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="hashlist",
            name="latest_manifest_sha256",
            field=models.CharField(
                blank=True,
                default="",
                help_text="where the current state is read from; empty until release 1",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="claims",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="workers that began and said nothing more, since the last outcome"
            ),
        ),
    ]
