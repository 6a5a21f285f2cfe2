"""The accounts that tasks ask providers by."""

from common.accounts import UsableAccount, built_in_accounts, stored_accounts
from common.event_function import Worker
from common.keyring import Keyring
from common.state.projection import read_accounts


async def known_accounts(worker: Worker) -> dict[str, UsableAccount]:
    """All accounts by their ids, switched off or not. Raises `RedisUnavailable`."""
    settings = worker.settings
    keyring = Keyring(settings.encryption_keys, settings.internal_secret)
    projected = await read_accounts(worker.redis, worker.prefix)
    known = built_in_accounts(settings.accounts) + stored_accounts(projected, keyring)
    return {account.id: account for account in known}
