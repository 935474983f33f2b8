"""Azurite as a process of its own, answering HTTPS for `ACCOUNT.blob.core.windows.net`."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import install

ACCOUNT = "standinaccount"
KEY = base64.b64encode(b"a key for tests that opens nothing but this Azurite").decode()
INDEX = Path(__file__).with_name("azurite_index.js")
HOST = f"{ACCOUNT}.blob.core.windows.net"


class Azurite:
    """One Azurite, in memory. `client` is the account as the service itself sees it, with the account's key.

    `indexed`: it finds a blob by its name, as the real service does, and not by going through all of them.
    """

    def __init__(self, certificate: Path, key: Path, authority: Path, *, indexed: bool = True) -> None:
        self.port = free_port()
        node = shutil.which("node")
        assert node is not None
        words = [node, *(["--require", str(INDEX)] if indexed else [])]
        words += [str(install.PROGRAM), "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        words += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        words += ["--cert", str(certificate), "--key", str(key)]
        self.process = subprocess.Popen(
            words,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()
        from azure.storage.blob import BlobServiceClient

        self.client = BlobServiceClient(
            f"https://127.0.0.1:{self.port}/{ACCOUNT}",
            credential=KEY,
            connection_verify=str(authority),
            proxies={"http": "", "https": ""},
        )
        self._made: set[str] = set()
        self._lock = threading.Lock()

    def _wait(self) -> None:
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"Azurite ended with {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("Azurite did not open its port")

    def container(self, name: str) -> Any:
        """The container of that name, made at first use."""
        found = self.client.get_container_client(name)
        with self._lock:
            if name not in self._made:
                found.create_container()
                self._made.add(name)
        return found

    def sas(self, container: str, permission: str = "rcwdl") -> str:
        """A container's shared access signature, without a question mark, for an hour."""
        from azure.storage.blob import generate_container_sas

        self.container(container)
        signature: str = generate_container_sas(
            ACCOUNT,
            container,
            account_key=KEY,
            permission=permission,
            expiry=datetime.now(timezone.utc) + timedelta(hours=1),
        )
        return signature

    def account_sas(self) -> str:
        """A signature for every container of the account, as the recorded `listSecrets` gives, for an hour."""
        from azure.storage.blob import generate_account_sas

        signature: str = generate_account_sas(
            ACCOUNT,
            KEY,
            resource_types="co",
            permission="rcuwdl",
            expiry=datetime.now(timezone.utc) + timedelta(hours=1),
        )
        return signature

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
