"""Rules of routing, as sent: what an alias or a fallback leads to is one model."""

import pydantic
import pytest

from functions.key_admin.models.routing import AliasPut, TeamRoutingPatch


def test_globs_are_no_models_to_go_to():
    with pytest.raises(pydantic.ValidationError, match=r"rule 1 .* 'gpt-\*' is a glob"):
        AliasPut(rules=[{"models": {"m": 1}}, {"models": {"gpt-*": 1}}])
    with pytest.raises(pydantic.ValidationError, match=r"'claude-\*' is a glob"):
        TeamRoutingPatch(fallbacks={"gpt-*": ["m", "claude-*"]})
    assert TeamRoutingPatch(fallbacks={"gpt-*": ["m", "m"]}).fallbacks == {"gpt-*": ["m"]}
