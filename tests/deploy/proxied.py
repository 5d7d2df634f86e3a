"""A real nginx with deploy/nginx/exchange.conf as it is shipped, but for addresses and folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.deploy.test_receivers import free_port, wait_for

NGINX = Path(__file__).resolve().parents[2] / "deploy" / "nginx"


def nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("nginx is missing: its configuration was not tried")
        pytest.skip("nginx is not installed: deploy/nginx is not tried here")
    return found


@dataclass(frozen=True, slots=True)
class Proxy:
    url: str
    plain_url: str
    client: httpx.Client
    trust: ssl.SSLContext

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(self.url + path, headers=headers)


@contextlib.contextmanager
def proxied(upstream: str, blobs: str, folder: Path) -> Iterator[Proxy]:
    """nginx before `upstream` (host:port); `blobs` is the text of a blobs-….conf."""
    program, conf = nginx(), (NGINX / "exchange.conf").read_text()
    (folder / "blobs.conf").write_text(blobs)
    secure, plain = free_port(), free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.crt"],
        cwd=folder,
        check=True,
        capture_output=True,
    )  # fmt: skip
    for there, here in (
        ("server web:8000;", f"server {upstream};"),
        ("listen 443 ssl", f"listen 127.0.0.1:{secure} ssl"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("/etc/nginx/exchange-blobs.conf", f"{folder}/blobs.conf"),
        ("/etc/nginx/tls/", f"{folder}/"),
        ("/dev/stdout", f"{folder}/access.log"),
    ):
        assert there in conf
        conf = conf.replace(there, here)
    (folder / "exchange.conf").write_text(conf)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;"
        + ("user root; " if os.getuid() == 0 else "")
        + f"events {{ worker_connections 4096; }} http {{ {temporary} include {folder}/exchange.conf; }}"
    )
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf"])
    try:
        wait_for(secure)
        trust = ssl.create_default_context(cafile=folder / "tls.crt")
        with httpx.Client(verify=trust, timeout=30) as client:
            yield Proxy(f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}", client, trust)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
