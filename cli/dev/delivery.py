"""How often and when a delivery is repeated, and what an answer means.

Source: knative/eventing pkg/kncloudevents/retries.go (`SelectiveRetry`,
`RetryConfigFromDeliverySpec`), config/core/configmaps/default-broker.yaml (the defaults).
"""

from typing import Literal

import msgspec

# Four codes below 500 are repeated: 404 comes from a pod that is not ready yet, 408 and 429 ask
# for it, 409 is repeated because Knative's own tests answer it. Any other is final.
RETRIED_STATUSES = frozenset((404, 408, 409, 429))
# What the broker's filter says of an answer that is neither empty nor an event.
STATUS_NO_EVENT = 502
# What a delivery without any answer counts as.
STATUS_NO_ANSWER = 500


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The `delivery` of a Trigger or Broker. Defaults are those of Knative's broker."""

    retries: int = 10
    backoff_policy: Literal["exponential", "linear"] = "exponential"
    backoff_delay_s: float = 0.2
    # Of one attempt, from connecting to the last byte of the answer.
    timeout_s: float = 600.0
    dead_letter_service: str | None = None
    dead_letter_path: str = "/"

    @property
    def attempts(self) -> int:
        """The first delivery and its repetitions."""
        return 1 + self.retries

    def backoff_s(self, failures: int) -> float:
        """The wait after so many failed attempts (from 1).

        Exponential: the delay, twice, four times it. Linear: the delay times the number of
        repetitions before, so the first wait is none.
        """
        repetition = failures - 1
        if self.backoff_policy == "linear":
            return self.backoff_delay_s * repetition
        return self.backoff_delay_s * float(2**repetition)


def is_retried(status: int) -> bool:
    """Whether a delivery that was answered with this status is repeated."""
    return status >= 500 or status in RETRIED_STATUSES


def is_delivered(status: int) -> bool:
    """Whether the subscriber took the event."""
    return 200 <= status < 300
