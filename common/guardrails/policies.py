"""What the content policies of all levels say together: each of them holds."""

from collections.abc import Iterable, Sequence

import msgspec

from common.domain.content_policy import ContentPattern, ContentPolicy, Phase, Webhook
from common.guardrails.watching import Patterns

NO_PATTERNS = Patterns(())


class Guard(msgspec.Struct, frozen=True):
    """All that is asked of a request and of its answer."""

    input_characters_max: int | None = None
    input_patterns: Patterns = NO_PATTERNS
    output_patterns: Patterns = NO_PATTERNS
    input_webhooks: tuple[Webhook, ...] = ()
    output_webhooks: tuple[Webhook, ...] = ()

    @property
    def checks_input(self) -> bool:
        """Whether a request's text is looked at here."""
        return self.input_characters_max is not None or bool(self.input_patterns)

    @property
    def watches_output(self) -> bool:
        """Whether anything is asked of the answer."""
        return bool(self.output_patterns or self.output_webhooks)

    @property
    def holds_streams(self) -> bool:
        """Whether nothing of a stream is sent before its verdict."""
        return any(one.streams == "hold" for one in self.output_webhooks)


def guard_of(policies: Sequence[ContentPolicy]) -> Guard:
    """The policies as one, nearest level first. What two levels say alike is asked once."""
    patterns = list(dict.fromkeys(one for policy in policies for one in policy.patterns))
    webhooks = list(dict.fromkeys(one.webhook for one in policies if one.webhook is not None))
    bounds = [one.input_characters_max for one in policies if one.input_characters_max is not None]
    return Guard(
        min(bounds, default=None),
        Patterns(_at(patterns, "input")),
        Patterns(_at(patterns, "output")),
        tuple(one for one in webhooks if "input" in one.phases),
        tuple(one for one in webhooks if "output" in one.phases),
    )


def _at(patterns: Iterable[ContentPattern], phase: Phase) -> list[ContentPattern]:
    return [one for one in patterns if one.where in (phase, "both")]
