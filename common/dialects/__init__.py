"""Wire formats: a package each, with a `Dialect` and an `Operation` for every endpoint."""

from common.dialects.anthropic import Anthropic
from common.dialects.anthropic import operations as anthropic
from common.dialects.base import Dialect, Operation
from common.dialects.openai import OpenAI
from common.dialects.openai import operations as openai

DIALECTS: dict[str, Dialect] = {"openai": OpenAI(), "anthropic": Anthropic()}
# By the endpoint's name in the ledger.
OPERATIONS: dict[str, Operation] = openai.OPERATIONS | anthropic.OPERATIONS
