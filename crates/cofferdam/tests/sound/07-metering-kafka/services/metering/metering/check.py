"""Health of the consumer, from the file that its loop touches."""

import pathlib
import sys
import time

STATE = pathlib.Path("/dev/shm/metering")
LIMITS = {"--started": 300.0, "--alive": 120.0, "--assigned": 60.0}


def main() -> int:
    """0 when the loop went round within the limit."""
    file = STATE / ("assigned" if sys.argv[1] == "--assigned" else "loop")
    try:
        age = time.time() - file.stat().st_mtime
    except OSError:
        return 1
    return 0 if age < LIMITS[sys.argv[1]] else 1


if __name__ == "__main__":
    sys.exit(main())
