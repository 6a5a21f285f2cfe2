-- Drift of periods that are over, and of scopes that are no more: nobody looks at them again.
DELETE FROM counter_drifts WHERE seen_at < now() - interval '2 days'
