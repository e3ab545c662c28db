"""The program of the server: SecantusDB, told not to look for what has expired, which `expiry` does.

Its settings have a name for that (`storage.ttl_sweep_seconds`), and its own program ignores it.
"""

import sys
from functools import partial

from secantus import cli

cli.SecantusDBServer = partial(cli.SecantusDBServer, ttl_sweep_seconds=0)

if __name__ == "__main__":
    sys.exit(cli.main())
