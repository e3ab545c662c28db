"""Accounts: profile, export, role, state, the rule about administrators, listing, and integrity checks."""
