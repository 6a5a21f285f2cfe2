-- Names that something else has.
SELECT given ->> '{unique}' AS name
FROM jsonb_array_elements(%(rows)s) AS given
JOIN {table} AS present
    ON present.{unique} = given ->> '{unique}' AND present.{owner}::text <> given ->> '{owner}'
WHERE {condition}
LIMIT %(limit)s
