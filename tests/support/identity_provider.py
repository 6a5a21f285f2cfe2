"""An identity provider as a process: oidc-provider-mock, with a switch for each way to be wrong.

Codes, clients and redirect URIs are its own business. `python -m tests.support.identity_provider
PORT` serves it; `PUT /spoil` says how its answers are spoilt: ID tokens are signed anew, after
`claims` were added and `without` taken out, by its own key or, with `key`, by another one.
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

START_S_MAX = 30.0


class IdentityProvider:
    """The running process, as a person's browser and its administrator use it."""

    def __init__(self, port: int) -> None:
        # By name: it is what flask and its cookies take for itself.
        self.issuer = f"http://localhost:{port}"
        self._client = httpx.Client(base_url=self.issuer, timeout=30)

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
    import jwt
    import oidc_provider_mock
    from authlib.jose import RSAKey

    app = oidc_provider_mock.app()
    app.debug = False
    spoilt: dict[str, Any] = {}
    asked: dict[str, str] = {}
    added: list[Any] = []

    @app.put("/spoil")
    def spoil() -> tuple[str, int]:
        spoilt.clear()
        spoilt.update(flask.request.get_json())
        return "", 204

    @app.get("/asked")
    def show_asked() -> Any:
        return flask.jsonify(asked)

    @app.after_request
    def answer(response: flask.Response) -> flask.Response:
        path = flask.request.path
        if path == "/jwks" and added:
            keys = response.get_json()["keys"]
            keys += [one.as_dict(is_private=False) for one in added]
            response.set_data(json.dumps({"keys": keys}))
        if path == "/oauth2/token":
            asked.clear()
            asked.update(flask.request.form)
            asked["authorization"] = flask.request.headers.get("authorization", "")
            if response.status_code == 200 and spoilt:
                body = response.get_json()
                body["id_token"] = _signed_anew(body["id_token"])
                response.set_data(json.dumps(body))
        return response

    def _signed_anew(token: str) -> str:
        claims = jwt.decode(token, options={"verify_signature": False})
        claims |= spoilt.get("claims", {})
        for name in spoilt.get("without", ()):
            del claims[name]
        if spoilt.get("key") == "none":
            return jwt.encode(claims, None, "none")
        if spoilt.get("key") == "secret":
            # The public key as if it were a secret of both.
            return jwt.encode(claims, "relay" * 8, "HS256")
        key = RSAKey.generate_key(is_private=True)
        key_id = key.thumbprint()
        key.tokens["kid"] = key_id
        if spoilt.get("key") != "unknown":
            added.append(key)  # as after a rotation: published from now on
        return jwt.encode(claims, key.get_private_key(), "RS256", headers={"kid": key_id})

    app.run("localhost", port, threaded=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
