"""The directory's client, signed in."""

import os

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient


def connect():
    """A client of the running system's SCIM server."""
    headers = {"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"}
    http = Client(base_url=f"{os.environ['NEXUS_URL']}/scim/v2", headers=headers, timeout=30)
    return SyncSCIMClient(http)
