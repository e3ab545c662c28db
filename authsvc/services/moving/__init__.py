"""Moving users in and out: files of accounts, with their hashes."""
