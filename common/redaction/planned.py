"""The scanner that a plan asks for; what libraries it needs is imported here, at first use."""

from common.domain.field_errors import FieldError, InvalidPolicy
from common.redaction import entities
from common.redaction.detectors.base import Detector
from common.redaction.found import Found
from common.redaction.policy import Plan
from common.redaction.scanning import Scanner


def scanner(plan: Plan, relay_prefixes: tuple[str, ...] = ("cr_",)) -> Scanner:
    """Made once a policy and kept. Raises `InvalidPolicy` for an unknown region."""
    allowed = plan.allowed

    def keep(text: str, found: Found) -> bool:
        return text[found.start : found.end].casefold() not in allowed

    return Scanner(
        [*_built_in(plan, relay_prefixes), *_custom(plan)],
        threshold=plan.policy.threshold,
        strength=plan.strength,
        keep=keep if allowed else None,
    )


def _built_in(plan: Plan, relay_prefixes: tuple[str, ...]) -> list[Detector]:
    from common.redaction.detectors.cards import card_detector
    from common.redaction.detectors.email import EmailDetector
    from common.redaction.detectors.iban import IbanDetector
    from common.redaction.detectors.national_ids import national_id_detector
    from common.redaction.detectors.network import ip_detectors, mac_detector
    from common.redaction.detectors.secrets import secret_detectors
    from common.redaction.detectors.urls import UrlDetector

    wanted = plan.pattern_entities
    detectors: list[Detector] = [
        *(EmailDetector(), EmailDetector("%40"), UrlDetector(), card_detector(), IbanDetector()),
        *map(national_id_detector, sorted(wanted & entities.NATIONAL_IDS)),
        *(*ip_detectors(), mac_detector()),
        *secret_detectors(relay_prefixes),
    ]
    if entities.PHONE in wanted:
        detectors.append(_phones(plan))
    return [detector for detector in detectors if detector.entities & wanted]


def _phones(plan: Plan) -> Detector:
    from common.redaction.detectors.phones import PhoneDetector

    try:
        return PhoneDetector(plan.policy.regions, threshold=plan.policy.threshold)
    except ValueError as error:
        raise InvalidPolicy([FieldError("regions", str(error))]) from None


def _custom(plan: Plan) -> list[Detector]:
    if not plan.policy.custom:
        return []
    from common.redaction.detectors.custom import CustomDetector

    return [CustomDetector(one.entity, one.pattern, one.score) for one in plan.policy.custom]
