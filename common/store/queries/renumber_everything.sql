-- A new version for all that is projected.
WITH organisations AS (
    UPDATE organisation SET version = nextval('projection_versions')
), all_teams AS (
    UPDATE teams SET version = nextval('projection_versions')
), all_users AS (
    UPDATE users SET version = nextval('projection_versions')
), all_keys AS (
    UPDATE api_keys SET version = nextval('projection_versions')
), routing_tables AS (
    UPDATE routing SET version = nextval('projection_versions') WHERE version > 0
), in_order AS (
    -- Of two that begin at one moment the newer version counts.
    SELECT id, nextval('projection_versions') AS version
    FROM (SELECT id FROM price_books ORDER BY version) AS books
), all_price_books AS (
    UPDATE price_books SET version = in_order.version FROM in_order
    WHERE price_books.id = in_order.id
)
UPDATE accounts SET version = nextval('projection_versions')
