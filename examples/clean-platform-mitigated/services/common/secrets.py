"""Secrets that the Vault agent writes for the pod."""

import os


def database_url() -> str:
    """The address of the database with user and password; the start script sources the agent's file."""
    return os.environ["DATABASE_URL"]
