"""What developers look up in a running service: its routes at `/docs`, and its errors at `/problems/`."""
