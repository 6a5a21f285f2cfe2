"""What a language model finds in texts: the contract between who asks for it and who asks it."""

from collections.abc import Sequence
from typing import Protocol

from common.redaction.found import Found


class ModelUnavailable(Exception):
    """The model gave no findings in time; `reason` says why and repeats nothing of the texts."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ModelFinder(Protocol):
    """Finds names, places and the like, which no pattern describes."""

    async def find(
        self,
        texts: Sequence[str],
        entities: frozenset[str],
        tenant: str,
        language: str | None = None,
    ) -> list[list[Found]]:
        """The findings of each text, in the texts' order, each list sorted and free of overlaps.

        Offsets count characters of that text. `entities` are of `entities.MODEL_ENTITIES`; scores
        are those of the model's mapping, and a policy's threshold is the caller's to apply. What
        was found before may be remembered within `tenant`, never beyond it. `language` is a code
        of ISO 639-1; None asks for the installation's default. Texts without words cost nothing.

        Raises `ModelUnavailable`: not configured, not reached, too slow, or overloaded.
        """
