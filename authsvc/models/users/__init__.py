"""The `users` collection: accounts, as the Express service wrote them and as authsvc goes on writing them."""

from authsvc.models.users.directory import ADMIN, DEFAULT, Mark
from authsvc.models.users.document import User
from authsvc.models.users.factors import Totp

__all__ = ["ADMIN", "DEFAULT", "Mark", "Totp", "User"]
