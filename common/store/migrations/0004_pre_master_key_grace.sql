-- Master keys that were replaced and are accepted for a while longer. Only a keyed hash is kept
-- (HMAC by a key derived from the internal secret), since people choose master keys.
CREATE TABLE master_key_grace (
    hash text PRIMARY KEY,
    accepted_until timestamptz NOT NULL
);
