"""Secrets by the Kubernetes API: read, made only if absent, added to only as they were read.

Kubernetes API conventions: a POST of a name that is there answers 409 AlreadyExists, a patch that
names another `resourceVersion` than the object's 409 Conflict.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cli.kubernetes.access import Access
from cli.kubernetes.errors import ClusterRefused, ClusterUnreachable

if TYPE_CHECKING:
    import httpx

TRIES = 5
WAIT_S_FIRST = 0.5
TIMEOUT_S = 15.0
_VERBS = {"GET": "get", "POST": "create", "PATCH": "patch"}
_MERGE_PATCH = "application/merge-patch+json"  # RFC 7396
_BUSY = (429, 500, 502, 503, 504)


class Secret(NamedTuple):
    """A Secret as it was read. `__repr__` shows the names of its keys only."""

    name: str
    data: dict[str, bytes]
    labels: dict[str, str]
    annotations: dict[str, str]
    resource_version: str
    immutable: bool = False

    def __repr__(self) -> str:
        return f"Secret({self.name}: {', '.join(sorted(self.data))})"


class Change(NamedTuple):
    """What is added to a Secret; a label or annotation of None is taken away."""

    data: Mapping[str, bytes]
    labels: Mapping[str, str | None]
    annotations: Mapping[str, str | None]


class SecretsAPI:
    """The Secrets of one namespace. `say` is told of waits; all calls are bounded in time."""

    def __init__(
        self,
        access: Access,
        namespace: str,
        say: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import ssl

        import httpx

        self.namespace = namespace
        self._server = access.server
        self._say = say
        self._sleep = sleep
        try:
            context = ssl.create_default_context(cafile=access.ca_file)
        except OSError as error:
            raise click.UsageError(
                f"--kube-ca-file: no certificates in PEM in {access.ca_file}: {error}"
            ) from None
        # Some clusters' own certificates lack extensions that Python 3.13 began to insist on;
        # the chain and the host are checked all the same (kubernetes-client/python #2394).
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        headers = {"authorization": f"Bearer {access.token}"} if access.token else {}
        self._http = httpx.Client(
            headers={"accept": "application/json", "user-agent": "relayctl", **headers},
            timeout=TIMEOUT_S,
            trust_env=False,  # the token goes to the API server only
            verify=context,
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def get(self, name: str) -> Secret | None:
        """The Secret, None when there is none. Raises `ClusterRefused`, `ClusterUnreachable`."""
        answer = self._send("GET", name)
        if answer.status_code == 404:
            return None
        self._check(answer, "GET", name)
        return _secret(answer.json())

    def create(self, name: str, change: Change) -> bool:
        """Make a Secret; False when there is one of that name. Raises as `get`."""
        body = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", **_body(change)}
        body["metadata"]["name"] = name
        answer = self._send("POST", name, body)
        if answer.status_code == 409:
            return False
        self._check(answer, "POST", name)
        return True

    def patch(self, secret: Secret, change: Change, *, dry_run: bool = False) -> bool:
        """Add to a Secret; False when it is not as it was read any more. Raises as `get`.

        With `dry_run` the server checks everything, our rights too, and changes nothing.
        """
        body = _body(change)
        body["metadata"]["resourceVersion"] = secret.resource_version
        answer = self._send("PATCH", secret.name, body, "?dryRun=All" if dry_run else "")
        if answer.status_code in (404, 409):
            return False
        self._check(answer, "PATCH", secret.name)
        return True

    def _send(self, method: str, name: str, body: Any = None, query: str = "") -> "httpx.Response":
        import httpx

        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        url = self._server + (path if method == "POST" else f"{path}/{name}") + query
        kind = _MERGE_PATCH if method == "PATCH" else "application/json"
        wait_s = WAIT_S_FIRST
        for left in range(TRIES - 1, -1, -1):
            try:
                # What is sent may be sent twice: a repeated POST or PATCH is answered 409.
                answer = self._http.request(
                    method, url, json=body, headers={"content-type": kind} if body else None
                )
                if answer.status_code not in _BUSY:
                    return answer
                reason = f"answers {answer.status_code} {_message(answer)}".rstrip()
            except httpx.TransportError as error:
                reason = f"cannot be reached: {error}"
            if left:
                self._say(f"{self._server} {reason}; tried again in {wait_s:g} s")
                self._sleep(wait_s)
                wait_s *= 2
        raise ClusterUnreachable(
            f"the API server {self._server} {reason}\nSee that pods of the namespace may connect "
            "to it (NetworkPolicies, a mesh whose sidecar is not ready); then run this again."
        )

    def _check(self, answer: "httpx.Response", method: str, name: str) -> None:
        status = answer.status_code
        if status < 300:
            return
        said = _message(answer)
        if status == 401:
            raise ClusterRefused(
                f"the API server does not know us (401 {said})\nThe service account's token is "
                "wrong or out of date: start the Job again, or give another --kube-token-file."
            )
        if status == 403:
            raise ClusterRefused(_forbidden(_VERBS[method], name, self.namespace, said))
        if status == 404:
            raise ClusterRefused(
                f"there is no namespace {self.namespace} (404 {said})\nGive the release's own as "
                "--namespace, or make it: helm install --create-namespace"
            )
        raise ClusterRefused(f"{_VERBS[method]} of the Secret {name} is refused: {status} {said}")


def _forbidden(verb: str, name: str, namespace: str, said: str) -> str:
    if "because it is being terminated" in said:
        return f"the namespace {namespace} is being deleted: wait until it is gone, then install"
    # RBAC cannot restrict `create` by resourceNames: the name is not known to the authorizer.
    names = "" if verb == "create" else f', resourceNames: ["{name}"]'
    return (
        f"the service account may not {verb} the Secret {name} in the namespace {namespace} "
        f'(403 {said})\nIts Role there needs the rule: apiGroups: [""], resources: [secrets], '
        f"verbs: [{verb}]{names}. If {namespace} is not the release's namespace: --namespace"
    )


def _message(answer: "httpx.Response") -> str:
    """What a `Status` object says; never a body of another kind, which may be anything."""
    try:
        status = answer.json()
    except ValueError:
        return ""
    said = status.get("message") if isinstance(status, dict) else None
    return said[:500] if isinstance(said, str) else ""


def _secret(body: Any) -> Secret:
    metadata = body["metadata"]
    return Secret(
        metadata["name"],
        {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()},
        dict(metadata.get("labels") or {}),
        dict(metadata.get("annotations") or {}),
        metadata["resourceVersion"],
        bool(body.get("immutable")),
    )


def _body(change: Change) -> dict[str, Any]:
    return {
        "metadata": {"labels": dict(change.labels), "annotations": dict(change.annotations)},
        "data": {key: base64.b64encode(value).decode() for key, value in change.data.items()},
    }
