from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exchange", "0002_signintry")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="policy",
            field=models.JSONField(default=dict, help_text="see hashsets.core.policy; {} asks for nothing"),
        ),
    ]
