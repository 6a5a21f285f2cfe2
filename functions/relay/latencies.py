"""How soon accounts begin to answer, as this process has seen it: a factor of their weights."""

from functions.relay.open_request import OpenRequest
from functions.relay.snapshots import UsableAccount

# How much the newest one counts.
SMOOTHING = 0.2
# Beyond it an account is not passed over any more: it must be asked to be seen to have recovered.
SECONDS_MAX = 3.0
KNOWN_MAX = 10_000


class Latencies:
    """Moving averages of the time to the first token of streams, by account and model."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], float] = {}

    def learn(self, request: OpenRequest) -> None:
        """A stream that its first account served at once."""
        took_ms = request.first_token_ms
        if not request.streaming or took_ms is None or request.account is None:
            return
        if request.attempts != 1 or request.queued_ms is not None:
            return
        if len(self._seconds) >= KNOWN_MAX:
            self._seconds.clear()
        asked = request.parsed.model if request.parsed is not None else ""
        key = request.account.id, request.account.served_model(asked) or asked
        seconds = took_ms / 1000
        known = self._seconds.get(key, seconds)
        self._seconds[key] = known + SMOOTHING * (seconds - known)

    def weight_of(self, account: UsableAccount, served: str) -> int:
        """The same in thousandths, as admission takes it."""
        return max(1, round(1000 * self.weighed(account, served)))

    def weighed(self, account: UsableAccount, served: str) -> float:
        """The account's weight, divided by one and the seconds that its first tokens take."""
        seconds = self._seconds.get((account.id, served), 0.0)
        return account.weight / (1 + min(seconds, SECONDS_MAX))
