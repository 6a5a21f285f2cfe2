"""Anthropic's messages at other clouds, where what Anthropic has in headers stands in the body.

Members are changed as spans of the original bytes, so that signed thinking blocks stay as they are.
"""

from collections.abc import Iterable

import msgspec

from common.dialects.spans import find_member, remove_member, set_member

_BETA = "anthropic-beta"
_BETA_MEMBER = "anthropic_beta"


def fitted(
    body: bytes,
    headers: Iterable[tuple[str, str]],
    *,
    version: str,
    keeps_stream: bool,
    betas_in_body: bool,
) -> tuple[bytes, list[tuple[str, str]]]:
    """The body with that `anthropic_version` and without `model`, and the headers that are left.

    `keeps_stream`: the cloud reads `stream` from the body, too. `betas_in_body`: it takes the
    betas of the header as a member.
    """
    body = remove_member(body, "model")
    if not keeps_stream:
        body = remove_member(body, "stream")
    if find_member(body, "anthropic_version") is None:
        body = set_member(body, "anthropic_version", msgspec.json.encode(version))
    left, betas = [], list[str]()
    for name, value in headers:
        if name == _BETA and betas_in_body:
            betas += [beta.strip() for beta in value.split(",") if beta.strip()]
        else:
            left.append((name, value))
    if betas and find_member(body, _BETA_MEMBER) is None:
        body = set_member(body, _BETA_MEMBER, msgspec.json.encode(betas))
    return body, left
