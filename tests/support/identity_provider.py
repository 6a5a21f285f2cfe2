"""An identity provider as a process: oidc-provider-mock, with a switch for each way to be wrong.

Codes, clients and redirect URIs are its own business. `python -m tests.support.identity_provider
PORT` serves it; ID tokens are signed anew by a key with an id. `PUT /spoil` says how they are
wrong: `claims` are added, `without` taken out, `key` is another one, `none`, or a `secret`.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from cli.dev.ports import free_port
from tests.support.processes import ROOT

START_S_MAX = 60.0


class IdentityProvider:
    """The running process, as a person's browser and its administrator use it."""

    def __init__(self, port: int) -> None:
        # By name: it is what flask and its cookies take for itself.
        self.issuer = f"http://localhost:{port}"
        self._client = httpx.Client(base_url=self.issuer, timeout=30, verify=False)

    def person(self, subject: str, **claims: Any) -> None:
        """Somebody with these claims."""
        self._client.put(f"/users/{subject}", json=claims).raise_for_status()

    def spoil(self, **how: Any) -> None:
        """How its next answers are wrong; nothing: they are right."""
        self._client.put("/spoil", json=how).raise_for_status()

    def log_in(self, address: str, subject: str) -> dict[str, str]:
        """The query that the browser is sent back with, once the person has logged in."""
        answer = self._client.post(address, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        return {name: values[0] for name, values in back.items()}

    def asked(self) -> dict[str, str]:
        """What the token endpoint was sent last."""
        sent: dict[str, str] = self._client.get("/asked").json()
        return sent

    def close(self) -> None:
        """Close connections."""
        self._client.close()


@contextlib.contextmanager
def served_identity_provider(log: Path) -> Iterator[IdentityProvider]:
    """A process of it, until the end."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.identity_provider", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    provider = IdentityProvider(port)
    try:
        end = time.monotonic() + START_S_MAX
        while True:
            try:
                provider.spoil()
                break
            except httpx.HTTPError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"it did not start:\n{log.read_text()}") from None
                time.sleep(0.05)
        yield provider
    finally:
        provider.close()
        process.kill()
        process.wait()


def _serve(port: int) -> None:
    import flask
    import oidc_provider_mock

    app = oidc_provider_mock.app()
    app.debug = False
    keys = {name: _key(name) for name in ("own", "rotated", "unknown")}
    published, spoilt, asked = ["own"], {}, {}

    @app.put("/spoil")
    def spoil() -> tuple[str, int]:
        spoilt.clear()
        spoilt.update(flask.request.get_json())
        if spoilt.get("key") == "rotated":
            published.append("rotated")
        return "", 204

    @app.get("/asked")
    def show_asked() -> Any:
        return flask.jsonify(asked)

    @app.after_request
    def answer(response: flask.Response) -> flask.Response:
        path = flask.request.path
        if path == "/jwks":
            response.set_data(json.dumps({"keys": [keys[name][1] for name in published]}))
        if path == "/oauth2/token":
            asked.clear()
            asked.update(flask.request.form)
            asked["authorization"] = flask.request.headers.get("authorization", "")
            if response.status_code == 200:
                body = response.get_json()
                body["id_token"] = _signed(body["id_token"], spoilt, keys)
                response.set_data(json.dumps(body))
        return response

    app.run("localhost", port, threaded=True)


def _key(name: str) -> tuple[Any, dict[str, Any]]:
    """A private key, and its public part as published."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    private = generate_private_key(SECP256R1())
    public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return private, public | {"kid": name, "use": "sig"}


def _signed(token: str, spoilt: dict[str, Any], keys: dict[str, Any]) -> str:
    """The provider's claims, spoilt, signed by the key that it is told."""
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    claims |= spoilt.get("claims", {})
    for name in spoilt.get("without", ()):
        del claims[name]
    key = spoilt.get("key", "own")
    if key == "none":
        return jwt.encode(claims, None, "none", headers={"kid": "own"})
    if key == "secret":
        # Of both sides: OpenID Connect knows it, and Relay takes no such signature.
        return jwt.encode(claims, "a secret of the client" * 2, "HS256", headers={"kid": "own"})
    return jwt.encode(claims, keys[key][0], "ES256", headers={"kid": key})


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
