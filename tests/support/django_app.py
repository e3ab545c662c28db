"""A Django project of its own: makes users with each of its hashers, and prints its table of users as CSV."""

import csv
import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

HASHERS = ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt")


def main(password: str) -> None:
    """Make `<hasher>@example.com` for each, and one without a password; print `SELECT * FROM auth_user`."""
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}PasswordHasher" for name in HASHERS],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    users: Any = sys.modules["django.contrib.auth.models"].User.objects
    for name in HASHERS:
        hasher: Any = getattr(sys.modules["django.contrib.auth.hashers"], f"{name}PasswordHasher")()
        user = users.create_user(name.lower(), f"{name}@example.com")
        user.password = hasher.encode(password, hasher.salt())
        user.save()
    users.create_user("nobody", "without@example.com")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM auth_user")
        table = csv.writer(sys.stdout)
        table.writerow([column[0] for column in cursor.description])
        table.writerows(cursor.fetchall())


if __name__ == "__main__":
    main(sys.argv[1])
