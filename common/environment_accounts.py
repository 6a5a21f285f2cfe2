"""Accounts that the environment gives, one for each provider, by the variables of their SDKs."""

import msgspec

from common.domain.accounts import NO_OPTIONS, Options, Provider
from common.domain.credentials import Credential, ServiceAccount
from common.domain.provider_addresses import default_base_url
from common.variables import Environment, SettingsError, parsed

# Variables of a secret by provider: any of them makes the provider's account.
CREDENTIAL_VARIABLES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "azure_openai": ("AZURE_OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "bedrock": ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID"),
    "vertex": ("GOOGLE_APPLICATION_CREDENTIALS_JSON",),
}


class BuiltInAccount(msgspec.Struct, frozen=True):
    """A provider credential from the environment. `__repr__` hides the key."""

    provider: Provider
    base_url: str
    credential: Credential
    region: str = ""
    options: Options = NO_OPTIONS

    def __repr__(self) -> str:
        return f"BuiltInAccount({self.provider}, {self.base_url})"


def accounts_of(environment: Environment) -> tuple[BuiltInAccount, ...]:
    """Those that there are, by the variables of the providers' SDKs. Raises `SettingsError`."""
    makers = (_openai, _anthropic, _azure_openai, _gemini, _bedrock, _vertex)
    made = (make(environment) for make in makers)
    return tuple(account for account in made if account is not None)


def _openai(environment: Environment) -> BuiltInAccount | None:
    if not (api_key := environment.get("OPENAI_API_KEY", "")):
        return None
    base_url = _base_url(environment, "OPENAI_BASE_URL", "https://api.openai.com/v1")
    # openai-python's base URL ends in /v1, anthropic-sdk-python's does not; take both forms.
    if base_url.count("/") == 2:
        base_url += "/v1"
    return BuiltInAccount("openai", base_url, Credential(api_key=api_key))


def _anthropic(environment: Environment) -> BuiltInAccount | None:
    if not (api_key := environment.get("ANTHROPIC_API_KEY", "")):
        return None
    base_url = _base_url(environment, "ANTHROPIC_BASE_URL", "https://api.anthropic.com")
    credential = Credential(api_key=api_key)
    return BuiltInAccount("anthropic", base_url.removesuffix("/v1"), credential)


def _azure_openai(environment: Environment) -> BuiltInAccount | None:
    if not (api_key := environment.get("AZURE_OPENAI_API_KEY", "")):
        return None
    base_url = _base_url(environment, "AZURE_OPENAI_ENDPOINT", "")
    if not base_url:
        raise SettingsError(
            "AZURE_OPENAI_ENDPOINT is required beside AZURE_OPENAI_API_KEY, "
            "e.g. https://my-resource.openai.azure.com"
        )
    options = Options(api_version=environment.get("OPENAI_API_VERSION", ""))
    return BuiltInAccount("azure_openai", base_url, Credential(api_key=api_key), options=options)


def _gemini(environment: Environment) -> BuiltInAccount | None:
    # As google-genai has it: of both, GOOGLE_API_KEY counts.
    of_gemini = environment.get("GEMINI_API_KEY", "")
    api_key = environment.get("GOOGLE_API_KEY", "") or of_gemini
    if not api_key:
        return None
    default = default_base_url("gemini", "") or ""
    base_url = _base_url(environment, "GOOGLE_GEMINI_BASE_URL", default)
    return BuiltInAccount("gemini", base_url, Credential(api_key=api_key))


def _bedrock(environment: Environment) -> BuiltInAccount | None:
    """An access key without a region is somebody else's, such as that of a storage client."""
    region = environment.get("AWS_DEFAULT_REGION", "")
    region = environment.get("AWS_REGION", "") or region
    api_key = environment.get("AWS_BEARER_TOKEN_BEDROCK", "")
    key = Credential(
        access_key_id=environment.get("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=environment.get("AWS_SESSION_TOKEN", ""),
    )
    if api_key and not region:
        raise SettingsError(
            "AWS_REGION is required beside AWS_BEARER_TOKEN_BEDROCK, e.g. us-east-1"
        )
    if not api_key and not (key.access_key_id and key.secret_access_key and region):
        return None
    credential = Credential(api_key=api_key) if api_key else key
    default = default_base_url("bedrock", region) or ""
    base_url = _base_url(environment, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", default)
    return BuiltInAccount("bedrock", base_url, credential, region)


def _vertex(environment: Environment) -> BuiltInAccount | None:
    """The key file's content, since a pod's environment holds no files."""
    name = "GOOGLE_APPLICATION_CREDENTIALS_JSON"
    if not (text := environment.get(name, "")):
        return None
    try:
        key = msgspec.json.decode(text, type=ServiceAccount)
    except msgspec.DecodeError:
        raise SettingsError(
            f"{name} must be a service account's key file as it was downloaded, JSON"
        ) from None
    region = environment.get("GOOGLE_CLOUD_LOCATION", "") or "global"
    options = Options(project=environment.get("GOOGLE_CLOUD_PROJECT", ""))
    if not (options.project or key.project_id):
        raise SettingsError(f"GOOGLE_CLOUD_PROJECT is required: {name} names no project_id")
    default = default_base_url("vertex", region) or ""
    base_url = _base_url(environment, "GOOGLE_VERTEX_BASE_URL", default)
    return BuiltInAccount("vertex", base_url, Credential(service_account=key), region, options)


def _base_url(environment: Environment, name: str, default: str) -> str:
    def parse(text: str) -> str:
        if not text.startswith(("http://", "https://")) or len(text.split("/")[2]) == 0:
            raise ValueError
        return text.rstrip("/")

    example = default or "https://my-resource.openai.azure.com"
    return parsed(environment, name, default, parse, f"an http address, e.g. {example}")
