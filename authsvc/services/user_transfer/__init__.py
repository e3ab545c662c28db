"""Users in files, with their hashes: import, export, and what other products write."""
