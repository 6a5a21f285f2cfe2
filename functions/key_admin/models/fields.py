"""Types of fields that several bodies and queries share."""

from datetime import MAXYEAR, UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from common.domain.ids import is_path_step, is_ulid
from functions.key_admin.models import patterns

PAGE_DEFAULT = 50
PAGE_MAX = 500


def _printable(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _a_path_step(text: str) -> str:
    if not is_path_step(text):
        raise ValueError("must not be . or ..: an address cannot name it")
    return text


def _a_ulid(text: str) -> str:
    if not is_ulid(text):
        raise ValueError("must be an id, as an answer of this API gave it")
    return text


def _date_or_time(value: Any) -> date | datetime:
    text = str(value)
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("must be a date or a time with its offset, e.g. 2026-01-31T12:00:00Z")
    return moment


def _in_the_future(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise PydanticCustomError("past", "must lie in the future")
    if moment.year == MAXYEAR:
        raise ValueError(f"must lie before the year {MAXYEAR}: leave it out for no end")
    return moment


def written(moment: datetime) -> str:
    """A time as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written_ms(moment_ms: int) -> str:
    """The same of whole ms since 1970."""
    return written(datetime.fromtimestamp(moment_ms / 1000, UTC))


def as_time(bound: datetime | date | None) -> datetime | None:
    """A bound as a time; a date is its midnight in UTC."""
    if bound is None or isinstance(bound, datetime):
        return bound
    return datetime.combine(bound, time(), UTC)


def ms_of(moment: datetime | None) -> int | None:
    """A time in whole ms since 1970."""
    return None if moment is None else int(moment.timestamp() * 1000)


def split(value: Any) -> Any:
    """A text of the query as a list: what stands between its commas."""
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null; leave it out if it is not to change")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
# A user's, which is anybody's own string.
UserId = Annotated[Name, AfterValidator(_a_path_step)]
Ulid = Annotated[str, Field(pattern=patterns.ULID), AfterValidator(_a_ulid)]
# What is only looked for: Postgres holds no NUL in a text.
Sought = Annotated[str, Field(max_length=1024, pattern=patterns.NO_NUL)]
Glob = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
Bound = Annotated[
    date | datetime,
    PlainValidator(_date_or_time),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    ),
]
Future = Annotated[AwareDatetime, AfterValidator(_in_the_future)]
Time = Annotated[datetime, PlainSerializer(written)]
# A member of a change: None in the model says that it was left out, and is never what was sent.
Kept = BeforeValidator(_not_null)
LEFT_OUT: Any = Field(default_factory=lambda: None)
# As it was written, without the zeros that a column adds.
Factor = Annotated[Decimal, PlainSerializer(lambda value: f"{value.normalize():f}")]
Money = Annotated[str, Field(description="USD, a decimal with 12 places")]


class Sent(BaseModel):
    """A body or a query: a name that is not known is an error, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Page(Sent):
    """Which page of a list: `cursor` is the `next_cursor` of the page before."""

    limit: int = Field(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX)
    cursor: Ulid | None = None


class Problem(BaseModel):
    """An error: problem details (RFC 9457)."""

    title: str
    status: int
    detail: str
    request_id: str
    errors: list["FieldError"] = Field(default_factory=list)


class FieldError(BaseModel):
    """A field at fault and what to do about it."""

    field: str
    message: str
