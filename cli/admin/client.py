"""The admin API over HTTP: tries again while it is away, and says why it refuses."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from cli.admin.errors import Refused, Unreachable, refused

if TYPE_CHECKING:
    import httpx

PAGE_MAX = 500
WAIT_S_FIRST = 0.5
WAIT_S_MAX = 30.0
# What a front door or a gateway says in the server's stead, and what the server says of a store.
_AWAY = (502, 503, 504)
_NOT_RELAY = "what answers there is not Relay's admin API: give its address as --url"
_LOST = (
    "an earlier try of this command got no answer and may have done it already: look before you "
    "repeat it"
)

Query = Mapping[str, str | int | None]


class Reply(NamedTuple):
    """A good answer: its JSON, None when it has none, and the version of what it shows."""

    body: Any
    etag: str


class Streamed(NamedTuple):
    """An answer that is read as it comes."""

    pieces: Iterator[bytes]
    headers: Mapping[str, str]


class Client:
    """Calls with the master key or a token, "" for neither.

    `say` is told what goes on; `sleep` waits between tries. `wrong_key_note` is what to do should
    the key be refused.
    """

    def __init__(
        self,
        url: str,
        master_key: str,
        *,
        retries: int,
        timeout_s: float,
        ca_file: str | None,
        say: Callable[[str], None],
        wrong_key_note: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import ssl

        import httpx

        headers = {"user-agent": "relayctl"}
        if master_key:
            headers["authorization"] = f"Bearer {master_key}"
        self.url = url.rstrip("/")
        self.more = False
        self._retries = retries
        self._say = say
        self._wrong_key_note = wrong_key_note
        self._sleep = sleep
        # No proxy out of the environment: the master key goes to the address that was given only.
        self._http = httpx.Client(
            headers=headers,
            timeout=timeout_s,
            trust_env=False,
            verify=ssl.create_default_context(cafile=ca_file),
        )

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def get(self, path: str, query: Query | None = None) -> Any:
        """The JSON found there. Raises `Refused` and `Unreachable`."""
        return self.send("GET", path, query=query).body

    def items(self, path: str, query: Query, limit: int | None) -> Iterator[dict[str, Any]]:
        """A list's items over all its pages, at most `limit`; then `more` says if there are more.

        Raises `Refused` and `Unreachable`.
        """
        cursor: str | None = None
        left = limit
        while True:
            size = PAGE_MAX if left is None else min(left, PAGE_MAX)
            page = self.get(path, {**query, "limit": size, "cursor": cursor})
            try:
                found, cursor = page["items"], page["next_cursor"]
            except (KeyError, TypeError):
                raise Refused(_NOT_RELAY) from None
            # Built-in accounts stand on the first page beside as many others as were asked for.
            yield from found[:left]
            self.more = cursor is not None or (left is not None and len(found) > left)
            left = None if left is None else left - len(found)
            if cursor is None or (left is not None and left <= 0):
                return

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One call, tried again while the server is away. Raises `Refused` and `Unreachable`."""
        import httpx

        given = {name: value for name, value in (query or {}).items() if value is not None}
        lost = False
        for tried in range(self._retries + 1):
            wait_s = min(WAIT_S_FIRST * 2**tried, WAIT_S_MAX)
            try:
                response = self._http.request(
                    method, self.url + path, params=given, json=body, headers=headers
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                reason = f"{self.url} cannot be reached ({error})"
            except httpx.RequestError as error:
                lost = True
                reason = f"{self.url} did not answer ({error or type(error).__name__})"
            else:
                if response.status_code not in _AWAY:
                    notes = [_LOST] if lost and method != "GET" else []
                    if response.status_code == 401 and self._wrong_key_note:
                        notes.append(self._wrong_key_note)
                    return _reply(response, "; ".join(notes))
                lost = lost or response.status_code != 503
                reason = _away(self.url, response)
                asked_s = _retry_after(response)
                if asked_s > WAIT_S_MAX:
                    raise Unreachable(f"{reason}; it asks to come back in {asked_s:.0f} s")
                wait_s = max(wait_s, asked_s)
            if tried < self._retries:
                self._say(f"{reason}; try {tried + 2} of {self._retries + 1} in {wait_s:g} s")
                self._sleep(wait_s)
        raise Unreachable(reason + (f"; {_LOST}" if lost and method != "GET" else ""))

    @contextlib.contextmanager
    def stream(self, path: str, query: Query) -> Iterator["Streamed"]:
        """A GET's body in pieces, sent once. Raises `Refused`, `Unreachable`."""
        import httpx

        given = {name: value for name, value in query.items() if value is not None}
        try:
            with self._http.stream("GET", self.url + path, params=given) as response:
                if not response.is_success:
                    response.read()
                    _reply(response, "")
                yield Streamed(response.iter_bytes(), response.headers)
        except httpx.RequestError as error:
            raise Unreachable(f"{self.url} broke off ({error or type(error).__name__})") from None

    def lines(self, path: str, body: Any) -> Iterator[Any]:
        """The lines of JSON that a POST answers, as they come. Raises `Refused`, `Unreachable`.

        Sent once: what it does costs something each time.
        """
        import httpx

        try:
            with self._http.stream("POST", self.url + path, json=body) as response:
                if not response.is_success:
                    response.read()
                    _reply(response, "")
                for line in response.iter_lines():
                    yield json.loads(line)
        except httpx.RequestError as error:
            raise Unreachable(f"{self.url} did not answer ({error})") from None
        except ValueError:
            raise Refused(_NOT_RELAY) from None


def one(path: str, identifier: str, action: str = "") -> str:
    """The path of one thing, whatever characters its id has."""
    return f"{path}/{quote(identifier, safe='')}{action}"


def _reply(response: "httpx.Response", note: str) -> Reply:
    request_id = response.headers.get("x-request-id", "")
    if response.is_redirect:
        where = response.headers.get("location", "elsewhere")
        raise Refused(f"the address redirects to {where}: give the right one as --url")
    body = _json(response)
    if not response.is_success:
        raise refused(response.status_code, body, request_id, note)
    if body is None and response.status_code != 204:
        raise Refused(_NOT_RELAY)
    return Reply(body, response.headers.get("etag", ""))


def _json(response: "httpx.Response") -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _away(url: str, response: "httpx.Response") -> str:
    body = _json(response)
    detail = body.get("detail") if isinstance(body, dict) else None
    request_id = response.headers.get("x-request-id")
    said = f": {detail}" if detail else ""
    return f"{url} answered {response.status_code}{said}" + (
        f" (request_id: {request_id})" if request_id else ""
    )


def _retry_after(response: "httpx.Response") -> float:
    """Seconds (RFC 9110, 10.2.3); 0 without it, or when it cannot be read."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    text = response.headers.get("retry-after", "0").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
