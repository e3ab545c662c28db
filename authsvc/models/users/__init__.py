"""The `users` collection: accounts, as the Express service wrote them and as authsvc goes on writing them."""

from authsvc.models.users.account import ADMIN, DEFAULT
from authsvc.models.users.document import User
from authsvc.models.users.factors import LOST, Totp
from authsvc.models.users.identities import Identity, key_of
from authsvc.models.users.listing import Mark

__all__ = ["ADMIN", "DEFAULT", "LOST", "Identity", "Mark", "Totp", "User", "key_of"]
