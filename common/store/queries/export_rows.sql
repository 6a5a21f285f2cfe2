-- Rows as they are kept, without what is sealed.
SELECT to_jsonb(exported) - %(left_out)s::text[] AS row
FROM {table} AS exported
WHERE {condition}
ORDER BY {order}
