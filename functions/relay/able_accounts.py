"""Which accounts can serve a model at an endpoint, kept for as long as nothing of it changes."""

from common.domain.prices import PriceBook
from common.providers.targets import able
from functions.relay.snapshots import UsableAccount

# Names of models are callers' words.
KNOWN_MAX = 1_000

Able = tuple[list[UsableAccount], bool]


class AbleAccounts:
    """The answers of `common.providers.targets.able`, for one list of accounts and one book."""

    def __init__(self) -> None:
        self._accounts: list[UsableAccount] = []
        self._prices: PriceBook | None = None
        self._serving: list[UsableAccount] = []
        self._lasting = False
        self._known: dict[tuple[str, str], Able] = {}

    def of(
        self, accounts: list[UsableAccount], prices: PriceBook, endpoint: str, model: str
    ) -> Able | None:
        """Those that can serve anybody, and whether any is asked in another format.

        None where an account ends at some time: then each request's own time decides.
        """
        if accounts is not self._accounts or prices is not self._prices:
            self._begin(accounts, prices)
        if not self._lasting:
            return None
        found = self._known.get((endpoint, model))
        if found is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            found = self._known[endpoint, model] = able(self._serving, endpoint, model, prices)
        return found

    def _begin(self, accounts: list[UsableAccount], prices: PriceBook) -> None:
        self._accounts, self._prices, self._known = accounts, prices, {}
        self._serving = [one for one in accounts if one.enabled and one.schedulable]
        self._lasting = all(one.expires_at_ms is None for one in accounts)
