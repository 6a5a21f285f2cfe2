"""What `helm test` runs: a key is made, used through the edge, and revoked."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

EDGE, ADMIN, MASTER = os.environ["EDGE"], os.environ["ADMIN"], os.environ["PROXY_MASTER_KEY"]


def call(
    method: str, address: str, key: str | None = None, body: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of one call; a function that starts, or a store, gets two minutes."""
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    end = time.monotonic() + 120
    while True:
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            if error.code not in (502, 503, 504) or time.monotonic() > end:
                return error.code, error.read()
        except (urllib.error.URLError, TimeoutError) as error:
            if time.monotonic() > end:
                sys.exit(f"{address}: {error}")
        time.sleep(2)


def expect(what: str, wanted: int, answer: tuple[int, bytes]) -> bytes:
    """One line of the test's log; the first wrong status ends it."""
    status, body = answer
    print(f"{what}: {status}", flush=True)
    if status != wanted:
        sys.exit(f"{what}: {wanted} was expected. {body[:500].decode(errors='replace')}")
    return body


expect("edge", 200, call("GET", f"{EDGE}/health/ready"))
expect("metrics are not public", 404, call("GET", f"{EDGE}/metrics"))
expect("a wrong key is refused", 401, call("GET", f"{EDGE}/v1/models", "cr_wrong"))
made = expect(
    "a key is made",
    201,
    call("POST", f"{ADMIN}/internal/api-keys", MASTER, {"name": "helm-test"}),
)
key = json.loads(made)
try:
    expect("the key is admitted", 200, call("GET", f"{EDGE}/v1/models", key["key"]))
finally:
    call("DELETE", f"{ADMIN}/internal/api-keys/{key['id']}", MASTER)
expect("the revoked key is refused", 401, call("GET", f"{EDGE}/v1/models", key["key"]))
