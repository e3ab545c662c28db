"""HTTP: what every route needs, whatever it speaks: reading requests, guards, cookies, errors."""
