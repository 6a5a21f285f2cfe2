-- Rows that are not there yet, each with a version of its own, where it has one.
INSERT INTO {table}
SELECT populated.*
FROM jsonb_array_elements(%(rows)s) AS given,
     LATERAL (SELECT {versioned} AS version) AS own,
     jsonb_populate_record(NULL::{table}, given || own.version) AS populated
ON CONFLICT ({key}) DO NOTHING
RETURNING {key}
