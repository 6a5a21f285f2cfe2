"""What is done with accounts beside changing them: a test call, and sealing anew."""

import hashlib
from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response, StreamingResponse

from common.accounts import UsableAccount, built_in_accounts, opened_account
from common.domain.globs import is_glob
from common.domain.roles import ADMINISTER, OPERATE
from common.state.commands import RedisUnavailable
from common.store import accounts
from functions.key_admin.account_answers import answer_of, built_in_answers, healths_of
from functions.key_admin.account_health import clear_health, forget_health
from functions.key_admin.account_secrets import resealed
from functions.key_admin.account_trial import trial
from functions.key_admin.bodies import check_id
from functions.key_admin.channel_secrets import rewrap_channels
from functions.key_admin.counting import raised, seconds_left
from functions.key_admin.models.account_calls import (
    AccountTest,
    AccountTestLine,
    RewrapAnswer,
    RewrapFailure,
)
from functions.key_admin.models.accounts import AccountAnswer
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import Problem, conflict, invalid_field, not_found

PATH = "/internal/accounts"
# Of one person. A test call is an answer of a model that no budget bounds.
TESTS_A_MINUTE = 30
_MINUTE_MS = 60_000


async def test(call: Call) -> Response:
    """Ask the provider a small question by the account as it is, also a disabled one.

    A line of JSON for each step: `asked`, then `answered` and `data` for every event of the
    stream, or `refused` with the provider's own words and `failed`; `done` comes last and says
    whether it is `ok`. The provider bills its account; nothing is in Relay's ledger, so the audit
    trail says how long the prompt was, and 30 a minute is all that one person may.
    """
    given = call.sent(AccountTest)
    account = await _opened(call)
    requested = given.model or next((one for one in account.models if not is_glob(one)), "")
    if not requested:
        raise invalid_field("model", "is required: the account names no model of its own")
    served = account.served_model(requested)
    if served is None:
        raise invalid_field("model", f"{requested!r} is no model that the account serves")
    await _count_test(call)
    after = {
        "model": served,
        "prompt_characters": len(given.prompt),
        "max_tokens": given.max_tokens,
    }
    async with call.services.database.transaction() as connection:
        await call.audit(connection, "account.test", account.id, after=after)
    lines = trial(account, served, given.prompt, given.max_tokens, call.request_id)
    lines = _clearing_health(call, account.id, lines)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


async def _count_test(call: Call) -> None:
    """Raises `Problem` 429. Without Redis nothing is counted: then tests are needed most."""
    person = hashlib.sha256(call.actor.subject.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    key = f"{call.services.settings.state_prefix}:account-tests:{person}"
    try:
        if await raised(call.services, key, _MINUTE_MS) <= TESTS_A_MINUTE:
            return
        left_s = await seconds_left(call.services, key)
    except RedisUnavailable:
        return
    raise Problem(
        429,
        "Too many test calls",
        f"One person makes at most {TESTS_A_MINUTE} test calls a minute; try again in {left_s} s.",
        headers={"retry-after": str(left_s)},
    )


async def _clearing_health(
    call: Call, account_id: str, lines: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The lines; an account whose test call went well serves again."""
    last = b""
    async for line in lines:
        last = line
        yield line
    if msgspec.json.decode(last or b"{}").get("ok") is True:
        await forget_health(call, account_id)


async def reset(call: Call) -> Response:
    """The account serves again at once, whatever its provider said before.

    `health` is `ok` until it fails anew; `enabled` and `schedulable` stay as they are.
    """
    account_id = check_id(call.path["account_id"], "account")
    answer = next((one for one in await built_in_answers(call, None) if one.id == account_id), None)
    async with call.services.database.transaction() as connection:
        account = await accounts.find(connection, account_id) if answer is None else None
        if account is not None:
            answer = await answer_of(call, account)
        if answer is None:
            raise not_found(f"There is no account with the id {account_id}.")
        before = None if answer.health is None else answer.health.model_dump(mode="json")
        await call.audit(connection, "account.reset", account_id, before=before)
        await clear_health(call, account_id)
    known = await healths_of(call)
    return answered(answer.model_copy(update={"health": known(account_id)}))


async def rewrap(call: Call) -> Response:
    """Seal by the current encryption key what older ones sealed; then those may be taken away.

    Each account is changed by itself, so the call can be repeated; channels of notifications
    are sealed anew as well. Give `relay`, `cleanup`, `notifications` and `key_admin` the new key
    first: whoever has it not loses the account or channel until it has.
    """
    keyring = call.services.keyring
    async with call.services.database.transaction() as connection:
        _, records = await accounts.projected(connection)
    done: list[str] = []
    failed: list[RewrapFailure] = []
    for record in records:
        if keyring.sealed_by_current(record.sealed_credential):
            continue
        async with call.services.database.transaction() as connection:
            await accounts.lock(connection)
            account = await accounts.find(connection, record.id)
            if account is None or keyring.sealed_by_current(account.record.sealed_credential):
                continue
            try:
                changed = resealed(call, account.record)
            except ValueError as error:
                failed.append(RewrapFailure(id=record.id, name=record.name, error=str(error)))
                continue
            await accounts.update(connection, changed, account.version)
        done.append(record.id)
    channels, channels_failed = await rewrap_channels(call)
    done += channels
    failed += channels_failed
    if done:
        async with call.services.database.transaction() as connection:
            after = {"rewrapped": done, "key_id": keyring.current_id}
            await call.audit(connection, "account.rewrap", "*", after=after)
        await call.services.bring_projection_up_to_date()
    return answered(RewrapAnswer(key_id=keyring.current_id, rewrapped=done, failed=failed))


async def _opened(call: Call) -> UsableAccount:
    """The account with its credential. Raises `Problem`: 404, or 409 where it does not open."""
    account_id = check_id(call.path["account_id"], "account")
    for built_in in built_in_accounts(call.services.settings.accounts):
        if built_in.id == account_id:
            return built_in
    async with call.services.database.transaction() as connection:
        account = await accounts.find(connection, account_id)
    if account is None:
        raise not_found(f"There is no account with the id {account_id}.")
    try:
        return opened_account(account.record, call.services.keyring)
    except ValueError as error:
        raise conflict(
            f"The account's credential cannot be opened: {error}. Give key_admin the encryption "
            "key back, or send the credential anew."
        ) from None


OPERATIONS = (
    Operation(
        "POST", f"{PATH}/rewrap", rewrap, "Seal credentials anew", "Accounts", may=ADMINISTER,
        answer=RewrapAnswer
    ),
    Operation(
        "POST", f"{PATH}/{{account_id}}/reset", reset, "Reset an account's health", "Accounts",
        may=OPERATE,
        answer=AccountAnswer, refusals=(404,),
    ),
    Operation(
        "POST", f"{PATH}/{{account_id}}/test", test, "Test an account", "Accounts", may=OPERATE,
        answer=AccountTestLine, answer_type="application/x-ndjson",
        body=AccountTest, body_required=False, refusals=(404, 409),
    ),
)  # fmt: skip
