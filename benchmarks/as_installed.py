"""``pi-server`` as ``make run`` installs it: without httpx, a peer's, which zeep would load where it finds it."""

import sys
from typing import Any, cast

cast("dict[str, Any]", sys.modules)["httpx"] = None  # importing it fails, as where it is not installed

from pi_server.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
