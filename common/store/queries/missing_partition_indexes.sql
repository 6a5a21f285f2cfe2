-- Partitions without an index that their table has by definition (made ON ONLY it), what theirs is to
-- be called, and of what it is. Names are made of those of tables, which nobody gives from outside.
SELECT child.oid::regclass::text AS partition,
       quote_ident(index.relname) AS parent,
       quote_ident(child.relname || substr(index.relname, length(parent.relname) + 1)) AS name,
       substring(pg_get_indexdef(index.oid) FROM 'USING .*') AS definition
FROM pg_index AS declared
JOIN pg_class AS index ON index.oid = declared.indexrelid
JOIN pg_class AS parent ON parent.oid = declared.indrelid
JOIN pg_namespace AS schema ON schema.oid = parent.relnamespace
JOIN pg_inherits AS inherited ON inherited.inhparent = parent.oid
JOIN pg_class AS child ON child.oid = inherited.inhrelid
WHERE index.relkind = 'I' AND NOT declared.indisvalid
  AND schema.nspname = current_schema()
  AND NOT EXISTS (
    SELECT FROM pg_inherits AS attached
    JOIN pg_index AS theirs ON theirs.indexrelid = attached.inhrelid
    WHERE attached.inhparent = index.oid AND theirs.indrelid = child.oid
  )
ORDER BY child.relname, index.relname
