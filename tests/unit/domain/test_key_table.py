"""Keys as a table: what its rows are as bodies, and what is wrong where."""

from common.domain.key_table import FAULTS_MAX, KEYS_MAX, Fault, fault_of, read_key_table

TABLE = """Name,User,Team,Tags,Expires at,requests_per_minute,budget_month,budget_total,models_allow
first,alice,Research,a|b; c,2030-01-31,60,5:deny,,gpt-*
second,,,,,,,,

"third, with a comma",,,,2030-01-31T12:00:00Z,many,,7,
"""


def test_rows_are_bodies_and_blank_cells_say_nothing():
    table = read_key_table(TABLE)
    assert table.faults == []
    assert table.keys == [
        {
            "name": "first",
            "user_id": "alice",
            "team": "Research",
            "tags": ["a", "b", "c"],
            "expires_at": "2030-01-31T00:00:00Z",
            "limits": {"requests_per_minute": 60},
            "models": {"allow": ["gpt-*"]},
            "budgets": [{"period": "month", "usd": "5", "policy": "deny"}],
        },
        {"name": "second"},
        {
            "name": "third, with a comma",
            "expires_at": "2030-01-31T12:00:00Z",
            "limits": {"requests_per_minute": "many"},
            "budgets": [{"period": "total", "usd": "7"}],
        },
    ]
    assert table.lines == [2, 3, 5]


def test_semicolons_and_a_byte_order_mark_are_as_spreadsheets_write_them():
    table = read_key_table("\ufeffname;tags\r\na;x|y\r\n")
    assert table.keys == [{"name": "a", "tags": ["x", "y"]}]


def test_what_is_wrong_with_the_table_is_said_by_line_and_column():
    wrong = read_key_table("nome,tags,tags\na,b,c,d\n")
    assert [(fault.line, fault.column) for fault in wrong.faults] == [
        *((1, "nome"), (1, "tags"), (1, "name"), (2, "")),
    ]
    assert wrong.keys == []
    assert [fault.line for fault in read_key_table("name\n").faults] == [2]
    assert read_key_table('name\n"open').faults[0].message.startswith("is no row of CSV")


def test_what_is_no_table_of_keys_is_not_read_to_its_end():
    (fault,) = read_key_table(",".join(f"c{n}" for n in range(100_000))).faults
    assert fault.message.startswith("has 100000 columns")
    rows = "a,b\n" * 10 * FAULTS_MAX
    assert len(read_key_table(f"name\n{rows}").faults) == FAULTS_MAX
    (fault,) = read_key_table("name\n" + "a\n" * (KEYS_MAX + 5) + '"open').faults
    assert (fault.line, fault.column) == (KEYS_MAX + 2, "")
    assert len(read_key_table("name\n" + "a\n" * KEYS_MAX).keys) == KEYS_MAX
    table = read_key_table(f"name,concurrency\na,{'9' * 5000}\n")
    assert table.keys[0]["limits"] == {"concurrency": "9" * 5000}


def test_what_the_api_says_is_of_a_line_and_column():
    table = read_key_table(TABLE)
    assert fault_of(table, "keys[2].limits.requests_per_minute", "no") == Fault(
        5, "requests_per_minute", "no"
    )
    assert fault_of(table, "keys[0].tags[1]", "no") == Fault(2, "tags", "no")
    assert fault_of(table, "keys[2].budgets[0].usd", "no") == Fault(5, "budget_total", "no")
    assert fault_of(table, "keys[1].user_id", "no") == Fault(3, "user", "no")
    assert fault_of(table, "elsewhere", "no") == Fault(0, "", "elsewhere: no")
