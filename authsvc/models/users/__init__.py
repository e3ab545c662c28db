"""The `users` collection: accounts, as the Express service wrote them and as authsvc goes on writing them."""

from authsvc.models.users.document import User
from authsvc.models.users.factors import Totp

__all__ = ["Totp", "User"]
