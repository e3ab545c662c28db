"""Settings that production accepts."""

GOOD = {
    "APP_ENV": "production",
    "SECRET_KEY": "Zk7wq3mXb9R2tYhV5nLc8sJf4gKp6xQa1uEo0iWz",
    "MONGODB_URI": "mongodb://authsvc:pw@db.internal:27017/authsvc",
    "PUBLIC_URL": "https://auth.corp.internal",
    "MAIL_URL": "smtp://authsvc:pw@mail.corp.internal",
}
