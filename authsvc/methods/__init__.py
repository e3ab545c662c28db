"""Methods: the ways to authenticate, each in a module of its own, all in `registry`."""
