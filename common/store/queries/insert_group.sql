INSERT INTO account_groups (id, name, account_ids, version)
VALUES (%(id)s, %(name)s, %(account_ids)s, nextval('projection_versions'))
