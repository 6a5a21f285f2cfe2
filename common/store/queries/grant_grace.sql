INSERT INTO master_key_grace AS present (hash, accepted_until)
VALUES (%s, now() + make_interval(mins => %s))
ON CONFLICT (hash) DO UPDATE SET accepted_until = excluded.accepted_until
RETURNING accepted_until
