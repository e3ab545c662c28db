"""Webhooks: what other programs are told."""
