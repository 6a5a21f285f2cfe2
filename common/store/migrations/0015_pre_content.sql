-- What organisation, teams and keys say of the content of requests: redaction, content policy,
-- response cache. NULL is silence, so that `{}` can say something.

ALTER TABLE organisation
    ADD COLUMN redaction jsonb,
    ADD COLUMN content_policy jsonb,
    ADD COLUMN response_cache jsonb;
ALTER TABLE teams
    ADD COLUMN redaction jsonb,
    ADD COLUMN content_policy jsonb,
    ADD COLUMN response_cache jsonb;
ALTER TABLE api_keys
    ADD COLUMN redaction jsonb,
    ADD COLUMN content_policy jsonb,
    ADD COLUMN response_cache jsonb;
