"""Making Secrets that outlive their release: by whoever comes first, never overwritten."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cli.kubernetes.api import Change, Secret, SecretsAPI
from cli.kubernetes.errors import ClusterRefused
from cli.kubernetes.release_secrets import Plan

ROUNDS_MAX = 20
RELEASE = "relay.ai/release"
LABELS = {"app.kubernetes.io/managed-by": "relayctl"}
# Helm keeps what carries the first at uninstall, upgrade and rollback; Argo CD understands that as
# Delete=false only and would still prune (argo-cd #17819).
KEEP = {
    "helm.sh/resource-policy": "keep",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
}
# By these Argo CD takes an object for a member of its application, and one that is in no manifest
# for a stale one (docs/user-guide/resource_tracking.md).
_TRACKING_LABELS = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")
_TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"


class Ensured(NamedTuple):
    """A Secret's data, what was done for it (made, added to, adopted, kept), what to tell."""

    data: dict[str, bytes]
    done: str
    warnings: list[str]


def ensure(
    api: SecretsAPI, name: str, release: str, plan: Callable[[Mapping[str, bytes]], Plan]
) -> Ensured:
    """Make the Secret, or add what it lacks; `plan` says what that is. Never overwrites by itself.

    Raises what `plan` raises, `ClusterRefused` and `ClusterUnreachable`.
    """
    for _ in range(ROUNDS_MAX):
        kept = api.get(name)
        if kept is None:
            added, warnings = plan({})
            if api.create(name, _change(added, release)):
                return Ensured(added, "made", warnings)
            continue
        added, warnings = plan(kept.data)
        change = _missing(kept, added, release)
        data = {**kept.data, **added}
        if not (change.data or change.labels or change.annotations):
            return Ensured(data, "kept as it is", warnings)
        if kept.immutable and added:
            raise ClusterRefused(
                f"the Secret {name} is immutable and lacks {', '.join(sorted(added))}: make it "
                "again without `immutable: true`, with the data it has"
            )
        if api.patch(kept, change):
            return Ensured(data, _what(added), warnings)
    raise ClusterRefused(f"the Secret {name} is changed all the time by somebody else")


def copy_once(api: SecretsAPI, name: str, release: str, data: Mapping[str, bytes]) -> Ensured:
    """Make a copy under another name if there is none; one that differs stays, with a warning."""
    if api.create(name, _change(data, release)):
        return Ensured(dict(data), "made", [])
    kept = api.get(name)
    if kept is None or all(kept.data.get(key) == value for key, value in data.items()):
        return Ensured(dict(data), "kept as it is", [])
    owner = kept.annotations.get(RELEASE)
    whose = f"of the release {owner}" if owner and owner != release else "of something else"
    return Ensured(
        kept.data,
        "kept as it is",
        [
            f"the Secret {name} holds a key {whose}, not this release's: read {release}-master-key "
            f"instead, or delete {name} and run this again"
        ],
    )


def _change(data: Mapping[str, bytes], release: str) -> Change:
    return Change(data, LABELS, {**KEEP, RELEASE: release})


def _missing(kept: Secret, added: Mapping[str, bytes], release: str) -> Change:
    whole = _change(added, release)
    labels: dict[str, str | None] = {
        name: value for name, value in whole.labels.items() if kept.labels.get(name) != value
    }
    annotations: dict[str, str | None] = {
        name: value
        for name, value in whole.annotations.items()
        if kept.annotations.get(name) != value
    }
    labels |= {name: None for name in _TRACKING_LABELS if name in kept.labels}
    if _TRACKING_ANNOTATION in kept.annotations:
        annotations[_TRACKING_ANNOTATION] = None
    return Change(added, labels, annotations)


def _what(added: Mapping[str, bytes]) -> str:
    return f"added {', '.join(sorted(added))}" if added else "adopted: marked to be kept"
