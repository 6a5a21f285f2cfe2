-- A new version for all that is projected.
WITH organisations AS (
    UPDATE organisation SET version = nextval('projection_versions')
), all_teams AS (
    UPDATE teams SET version = nextval('projection_versions')
), all_users AS (
    UPDATE users SET version = nextval('projection_versions')
), all_keys AS (
    UPDATE api_keys SET version = nextval('projection_versions')
)
UPDATE accounts SET version = nextval('projection_versions')
