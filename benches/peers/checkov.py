"""Installs Checkov from PyPI into benches/.venv and runs it on a tree, the way its own documentation
says for a pipeline: one framework, quiet, compact, no network."""

import os
import subprocess
import sys
import venv
from pathlib import Path

VERSION = "3.3.30"
VENV = Path(__file__).resolve().parent.parent / ".venv"


def install() -> Path:
    """Path of a Checkov of VERSION, installed first if it is missing."""
    checkov = VENV / "bin" / "checkov"
    marker = VENV / f"checkov-{VERSION}"
    if not marker.exists():
        print(f"installing Checkov {VERSION} into {VENV}", file=sys.stderr)
        venv.create(VENV, with_pip=True, clear=True)
        subprocess.run(
            [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", f"checkov=={VERSION}"],
            check=True,
        )
        marker.touch()
    return checkov


def command(tree: Path) -> list[str]:
    """The command for a tree."""
    return [
        str(VENV / "bin" / "python"),
        str(install()),
        "--directory",
        str(tree),
        "--framework",
        "kubernetes",
        "--quiet",
        "--compact",
        "--skip-download",
        "--output",
        "json",
    ]


def environment() -> dict[str, str]:
    """An environment without telemetry."""
    return {**os.environ, "BC_SKIP_MAPPING": "TRUE", "LOG_LEVEL": "ERROR"}


if __name__ == "__main__":
    sys.exit(subprocess.run(command(Path(sys.argv[1])), env=environment(), check=False).returncode)
