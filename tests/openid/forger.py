"""A provider that signs whatever a test wants it to: every answer of a real one can be wrong."""

import base64
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PRIVATE = {
    "RSA": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "short": rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505 - to be refused
    "EC": ec.generate_private_key(ec.SECP256R1()),
    "OKP": ed25519.Ed25519PrivateKey.generate(),
}
KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class Forger:
    """`metadata`, `claims`, `header`, `keys` and `info` replace parts of the proper answers; None removes."""

    client_id, secret = "portal", "the secret of the portal at its provider"

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"forger": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.forget()

    def forget(self) -> None:
        """Everything is proper again."""
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {"groups": ["portal-admins"]}
        self.header: dict[str, Any] = {}
        self.key: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.algorithm, self.private, self.nonce = "RS256", "", ""
        self.more_keys: list[dict[str, Any]] = []

    def back(self, address: str) -> str:
        """Return the path at the portal to which the provider sends a person who went to `address`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.nonce = asked["nonce"]
        return f"/accounts/sso/callback/?code=good&state={asked['state']}"

    def answer(self, path: str) -> Any:
        """Return the document at `path`."""
        proper = {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys", "id_token_signing_alg_values_supported": [self.algorithm],
        }  # fmt: skip
        documents = {
            "/.well-known/openid-configuration": lambda: _replaced(proper, self.metadata),
            "/token": lambda: {"access_token": "access", "token_type": "Bearer", "id_token": self.token()},
            "/userinfo": lambda: _replaced({"sub": self._claims()["sub"]}, self.info),
            "/keys": lambda: {"keys": [self._key(), *self.more_keys]},
        }
        return documents[path]()

    def token(self) -> str:
        """Return the identity token."""
        headers = _replaced({"kid": "k1"}, self.header)
        key: Any = PRIVATE[self.private or KINDS.get(self.algorithm[:2], "RSA")]
        algorithm = headers.pop("alg", self.algorithm)
        if algorithm.startswith("HS"):
            key = self.secret
        return jwt.encode(self._claims(), None if algorithm == "none" else key, algorithm, headers)

    def _claims(self) -> dict[str, Any]:
        now = int(time.time())
        proper = {
            "iss": self.url, "sub": "nora-1", "aud": self.client_id, "iat": now, "exp": now + 300,
            "nonce": self.nonce, "preferred_username": "nora", "auth_time": now,
        }  # fmt: skip
        # ("now", 20) is in twenty seconds.
        wrong = {name: now + of[1] if isinstance(of, tuple) else of for name, of in self.claims.items()}
        return _replaced(proper, wrong)

    def _key(self) -> dict[str, Any]:
        public = PRIVATE[self.private or KINDS.get(self.algorithm[:2], "RSA")].public_key()
        kinds = {"RS": jwt.algorithms.RSAAlgorithm, "PS": jwt.algorithms.RSAAlgorithm,
                 "ES": jwt.algorithms.ECAlgorithm, "Ed": jwt.algorithms.OKPAlgorithm}  # fmt: skip
        made = json.loads(kinds.get(self.algorithm[:2], jwt.algorithms.RSAAlgorithm).to_jwk(public))
        made.pop("key_ops", None)
        return _replaced(made | {"kid": "k1", "use": "sig", "alg": self.algorithm}, self.key)


def symmetric_key(secret: str) -> dict[str, Any]:
    """Return a published key that is really a secret."""
    return {"kty": "oct", "kid": "k1", "k": base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")}


def _replaced(proper: dict[str, Any], wrong: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (proper | wrong).items() if value is not None}


class _Handler(BaseHTTPRequestHandler):
    forger: Forger

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        body = json.dumps(self.forger.answer(urlsplit(self.path).path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
