"""The master key of a release, to be replaced in its Secret and in the copy of it."""

import click

from cli.kubernetes.api import Change, Secret, SecretsAPI
from cli.kubernetes.errors import ClusterRefused
from cli.kubernetes.release_secrets import MASTER_KEY

_TRIES = 5


class KeptMasterKey:
    """The key as the cluster has it now; that it may be replaced is checked at once.

    Raises `ClusterRefused` and `ClusterUnreachable`, before anybody was told of a new key.
    """

    def __init__(self, api: SecretsAPI, release: str, alias: str) -> None:
        self._api = api
        self._name = f"{release}-master-key"
        kept = api.get(self._name)
        if kept is None or not kept.data.get(MASTER_KEY):
            raise ClusterRefused(
                f"there is no {MASTER_KEY} in a Secret {self._name} of the namespace "
                f"{api.namespace}: see that --release and --namespace are right. A Secret of your "
                "own (secrets.existingMasterKeySecret) is replaced where it comes from"
            )
        try:
            self.key = kept.data[MASTER_KEY].decode("ascii")
        except UnicodeDecodeError:
            raise ClusterRefused(f"{MASTER_KEY} in {self._name} is no ASCII text") from None
        copy = api.get(alias) if alias and alias != self._name else None
        # A copy that differs is another release's.
        ours = copy is not None and copy.data.get(MASTER_KEY) == kept.data[MASTER_KEY]
        self._alias = alias if ours else ""
        for secret in (kept, copy if ours else None):
            if secret is not None:
                api.patch(secret, _change(self.key), dry_run=True)

    def must_be(self, key: str) -> None:
        """Raises `click.UsageError` when the key of this call is another."""
        if key != self.key:
            raise click.UsageError(
                f"{self._name} holds another key than the one given. If it was replaced and "
                "key_admin not restarted since, restart it; else leave the key out, it is read "
                "from the Secret"
            )

    def replace(self, new: str) -> list[str]:
        """Put the new key into the Secret, then into its copy; gives their names.

        Raises `ClusterRefused`: when it is about the copy, the Secret has the new key.
        """
        self._replace(self._name, new)
        if not self._alias:
            return [self._name]
        try:
            self._replace(self._alias, new)
        except ClusterRefused as error:
            raise ClusterRefused(
                f"the new key is in {self._name}, its copy {self._alias} still has the old one: "
                f"{error.message}\nDelete the copy; the next `helm upgrade` makes it again."
            ) from None
        return [self._name, self._alias]

    def _replace(self, name: str, new: str) -> None:
        for _ in range(_TRIES):
            kept: Secret | None = self._api.get(name)
            if kept is None or kept.data.get(MASTER_KEY) != self.key.encode():
                break
            if self._api.patch(kept, _change(new)):
                return
        raise ClusterRefused(
            f"the Secret {name} was changed by somebody else meanwhile: it is left as it is"
        )


def _change(key: str) -> Change:
    return Change({MASTER_KEY: key.encode()}, {}, {})
