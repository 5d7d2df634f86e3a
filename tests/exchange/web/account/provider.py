"""A small OpenID provider for tests, a process on loopback: real discovery, codes with PKCE, signed tokens.

`python -m tests.exchange.web.account.provider PORT`. It signs in whoever asks, as the claims that were POSTed
to /be say; `lie` there makes it break one rule of the protocol at a time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

CLIENT, SECRET = "exchange", "a secret with +/%&: in it"
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
BE: dict[str, Any] = {"lie": "", "claims": {}}
CODES: dict[str, dict[str, str]] = {}


class Provider(BaseHTTPRequestHandler):
    @property
    def issuer(self) -> str:
        return f"http://{self.headers['Host']}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            issuer = "http://127.0.0.1:1" if BE["lie"] == "configuration" else self.issuer
            self._json(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                }
            )
        elif parts.path == "/keys":
            jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
            self._json({"keys": [{**jwk, "kid": "one", "use": "sig"}]})
        elif parts.path == "/authorize":
            code = secrets.token_hex(8)
            CODES[code] = asked
            self.send_response(302)
            query = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{query}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/be":
            BE.update(json.loads(body))
            self._json({})
            return
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = CODES.pop(form["code"], None)
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{urlencode({'': SECRET})[1:]}".encode()).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or self.headers["Authorization"] != expected
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            self.send_error(400)
            return
        self._json({"access_token": "x", "token_type": "Bearer", "id_token": self._token(asked)})

    def _token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email_verified": True,
            **BE["claims"],
        }
        lie = BE["lie"]
        lies: dict[str, dict[str, Any]] = {
            "issuer": {"iss": "https://other.example"},
            "audience": {"aud": "another-client"},
            "several": {"aud": [CLIENT, "another-client"]},
            "nonce": {"nonce": "of another sign-in"},
            "old": {"iat": now - 4_000, "exp": now - 3_600},
        }
        claims |= lies.get(lie, {})
        if lie == "none":
            return jwt.encode(claims, "", algorithm="none", headers={"kid": "one"})
        if lie == "hmac":
            return jwt.encode(claims, SECRET * 2, algorithm="HS256", headers={"kid": "one"})
        headers: dict[str, Any] = {"kid": "one"}
        if lie == "own key":
            jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(OTHER_KEY.public_key()))
            headers["jwk"] = jwk
        key = OTHER_KEY if lie in ("key", "own key") else KEY
        return jwt.encode(claims, key, algorithm="ES256", headers=headers)

    def _json(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
