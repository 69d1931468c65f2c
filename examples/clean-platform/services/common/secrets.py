"""Secrets from Vault.

The token comes from the environment of the pod and is the same for every service. Secrets are read
once, when the process starts; a changed secret reaches a service with its next restart.
"""

import os

import hvac

SECRET_PATH = "clean-platform/database"


def vault_client() -> hvac.Client:
    """A client of Vault that uses the pod's token."""
    return hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"], timeout=5)


def database_url() -> str:
    """The address of the database with user and password."""
    secret = vault_client().secrets.kv.v2.read_secret_version(path=SECRET_PATH)["data"]["data"]
    host = os.environ["DATABASE_HOST"]
    name = os.environ["DATABASE_NAME"]
    return f"postgresql://{secret['username']}:{secret['password']}@{host}:5432/{name}"
