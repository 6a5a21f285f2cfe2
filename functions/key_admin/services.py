"""What lives as long as the process: connections, made at first use."""

from functools import cached_property
from typing import TYPE_CHECKING

from common import secrets
from common.keyring import Keyring
from common.projection import keep_first_uses, rebuild, replay_changes, settle_ahead
from common.settings import KeyAdminSettings, key_admin_settings
from common.state.client import RedisPyCommands
from common.state.commands import RedisReplyError, RedisUnavailable
from common.state.outbox import Outbox
from common.state.projection import has_epoch
from common.store.database import Database, DatabaseUnavailable
from common.telemetry import catalogue, logs
from functions.key_admin.identity.tokens import Tokens

if TYPE_CHECKING:
    from common.pii.finder import PiiFinder


class Services:
    """The parts of `key_admin`, made once, from settings."""

    def __init__(self, settings: KeyAdminSettings) -> None:
        self.settings = settings
        self.redis = RedisPyCommands.from_url(settings.redis_url)
        self.database = Database(settings.database_url)
        self.outbox = Outbox(self.redis, settings.state_prefix)
        self.keyring = Keyring(settings.encryption_keys, settings.internal_secret)
        self.grace_key = secrets.derive(settings.internal_secret, "master-key-grace")
        self.csrf_key = secrets.derive(settings.internal_secret, "csrf")
        self.credentials_key = secrets.derive(settings.internal_secret, "session-credentials")
        self.sign_in_key = secrets.derive(settings.internal_secret, "oidc-sign-in")
        self.tokens = Tokens(settings.internal_secret, settings.identity.jwt_secrets)
        self.replies_key = secrets.derive(settings.internal_secret, "idempotent-replies")

    @cached_property
    def model_finder(self) -> "PiiFinder | None":
        """The function `pii`, to try rules of redaction; None where there is none."""
        if not self.settings.pii.url:
            return None
        from common.pii.finder import PiiFinder
        from common.providers.http import UpstreamClient

        own, secret = self.settings, self.settings.internal_secret
        return PiiFinder.make(own.pii, secret, UpstreamClient(), self.redis, own.state_prefix)

    async def bring_projection_up_to_date(self) -> None:
        """After a commit: Redis gets what changed, or everything if it has nothing.

        What cannot be done now is done by the next change or by cleanup.
        """
        try:
            if not await has_epoch(self.redis, self.settings.state_prefix):
                await rebuild(self.database, self.redis, self.settings.state_prefix)
                catalogue.REBUILDS.increment()
            await keep_first_uses(self.database, self.redis, self.settings.state_prefix)
            await settle_ahead(self.database, self.redis, self.settings.state_prefix)
            await replay_changes(self.database, self.redis, self.settings.state_prefix)
        except (RedisUnavailable, RedisReplyError, DatabaseUnavailable) as error:
            logs.log("projection_delayed", level="warning", error=str(error))

    async def stop(self) -> None:
        """Close all connections."""
        if (finder := self.__dict__.get("model_finder")) is not None:
            await finder.close()
        await self.database.close()
        await self.redis.close()


_services: Services | None = None


def services() -> Services:
    """The process's services. Raises `SettingsError` at the first call if a setting is wrong."""
    global _services  # noqa: PLW0603 - one per process, made at first use: the framework's
    # entry has no lifespan in which it could be made.
    if _services is None:
        _services = Services(key_admin_settings())
    return _services


async def stop_services(within_s: float) -> None:
    """Stop what was started."""
    del within_s  # nothing is left to do
    global _services
    if _services is not None:
        stopping, _services = _services, None
        await stopping.stop()
