-- Sums of usage_rollups over whole days and whole months of UTC, so that a report over a long time
-- reads few rows: one a day (month), key, account, model, endpoint and status instead of 96.
--
-- Kept by triggers, so that they are right whoever writes rollups: an older version that still runs
-- during the upgrade, retention, a later migration. A row says of how many rollups it is the sum
-- (`parts`), so that it ends with the last of them.
CREATE TABLE usage_periods (
    step text NOT NULL CHECK (step IN ('day', 'month')),
    since timestamptz NOT NULL,
    key_id uuid NOT NULL,
    user_id text NOT NULL,
    team_id uuid,
    account_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    endpoint text NOT NULL,
    status text NOT NULL,
    parts bigint NOT NULL,
    requests bigint NOT NULL,
    input bigint NOT NULL,
    output bigint NOT NULL,
    cache_read bigint NOT NULL,
    cache_write_5m bigint NOT NULL,
    cache_write_1h bigint NOT NULL,
    reasoning bigint NOT NULL,
    audio_input bigint NOT NULL,
    audio_output bigint NOT NULL,
    cost_usd numeric(24, 12) NOT NULL,
    unpriced_requests bigint NOT NULL,
    markup_usd numeric(24, 12) NOT NULL,
    UNIQUE NULLS NOT DISTINCT
        (step, since, key_id, user_id, team_id, account_id, provider, model, endpoint, status)
) WITH (fillfactor = 60);

-- What every posting changes stays on its page and leaves the indexes alone (HOT) if there is room.
ALTER TABLE usage_rollups SET (fillfactor = 80);
ALTER TABLE spend_totals SET (fillfactor = 60);

-- One function for each kind of statement, which differ by what has changed.
DO $migration$
DECLARE
    dimensions CONSTANT text :=
        'key_id, user_id, team_id, account_id, provider, model, endpoint, status';
    kind record;
BEGIN
    FOR kind IN
        VALUES
            ('insert', 'SELECT 1 AS sign, * FROM added', 'NEW TABLE AS added'),
            ('update',
                'SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed',
                'NEW TABLE AS added OLD TABLE AS removed'),
            ('delete', 'SELECT -1 AS sign, * FROM removed', 'OLD TABLE AS removed')
    LOOP
        EXECUTE format($create$
            CREATE FUNCTION usage_periods_after_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN
                IF NOT EXISTS (SELECT FROM (%2$s) AS changed) THEN
                    RETURN NULL;
                END IF;
                -- One at a time, to the end of the transaction: two that insert and update would
                -- wait for each other's rows, as both triggers of a statement come in their order.
                -- An arbitrary number.
                PERFORM pg_advisory_xact_lock(7205761);
                WITH days AS (
                    SELECT
                        date_trunc('day', since, 'UTC') AS since, %3$s,
                        sum(sign) AS parts, sum(sign * requests) AS requests,
                        sum(sign * input) AS input, sum(sign * output) AS output,
                        sum(sign * cache_read) AS cache_read,
                        sum(sign * cache_write_5m) AS cache_write_5m,
                        sum(sign * cache_write_1h) AS cache_write_1h,
                        sum(sign * reasoning) AS reasoning,
                        sum(sign * audio_input) AS audio_input,
                        sum(sign * audio_output) AS audio_output,
                        sum(sign * cost_usd) AS cost_usd,
                        sum(sign * unpriced_requests) AS unpriced_requests,
                        sum(sign * markup_usd) AS markup_usd
                    FROM (%2$s) AS changed
                    GROUP BY 1, %3$s
                )
                INSERT INTO usage_periods AS present (
                    step, since, %3$s, parts, requests, input, output, cache_read, cache_write_5m,
                    cache_write_1h, reasoning, audio_input, audio_output, cost_usd,
                    unpriced_requests, markup_usd
                )
                SELECT
                    'day', since, %3$s, parts, requests, input, output, cache_read, cache_write_5m,
                    cache_write_1h, reasoning, audio_input, audio_output, cost_usd,
                    unpriced_requests, markup_usd
                FROM days
                UNION ALL
                SELECT
                    'month', date_trunc('month', since, 'UTC'), %3$s, sum(parts), sum(requests),
                    sum(input), sum(output), sum(cache_read), sum(cache_write_5m),
                    sum(cache_write_1h), sum(reasoning), sum(audio_input), sum(audio_output),
                    sum(cost_usd), sum(unpriced_requests), sum(markup_usd)
                FROM days
                GROUP BY 2, %3$s
                -- So that a report's days lie together.
                ORDER BY 1, 2
                ON CONFLICT (step, since, %3$s)
                DO UPDATE SET
                    parts = present.parts + excluded.parts,
                    requests = present.requests + excluded.requests,
                    input = present.input + excluded.input,
                    output = present.output + excluded.output,
                    cache_read = present.cache_read + excluded.cache_read,
                    cache_write_5m = present.cache_write_5m + excluded.cache_write_5m,
                    cache_write_1h = present.cache_write_1h + excluded.cache_write_1h,
                    reasoning = present.reasoning + excluded.reasoning,
                    audio_input = present.audio_input + excluded.audio_input,
                    audio_output = present.audio_output + excluded.audio_output,
                    cost_usd = present.cost_usd + excluded.cost_usd,
                    unpriced_requests = present.unpriced_requests + excluded.unpriced_requests,
                    markup_usd = present.markup_usd + excluded.markup_usd;
                IF TG_OP = 'DELETE' THEN
                    DELETE FROM usage_periods
                    WHERE parts = 0 AND since IN (
                        SELECT date_trunc('day', since, 'UTC') FROM (%2$s) AS changed
                        UNION
                        SELECT date_trunc('month', since, 'UTC') FROM (%2$s) AS changed
                    );
                END IF;
                RETURN NULL;
            END
            $body$
        $create$, kind.column1, kind.column2, dimensions);
        EXECUTE format(
            'CREATE TRIGGER usage_periods_after_%1$s AFTER %1$s ON usage_rollups '
            'REFERENCING %2$s FOR EACH STATEMENT EXECUTE FUNCTION usage_periods_after_%1$s()',
            kind.column1, kind.column3
        );
    END LOOP;
END
$migration$;

CREATE FUNCTION usage_periods_after_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE usage_periods;
    RETURN NULL;
END
$$;
CREATE TRIGGER usage_periods_after_truncate AFTER TRUNCATE ON usage_rollups
FOR EACH STATEMENT EXECUTE FUNCTION usage_periods_after_truncate();

-- What is there already. Making the triggers has locked out who writes rollups, to the commit:
-- postings meanwhile are answered 503 and come again, or wait in the outbox.
WITH days AS MATERIALIZED (
    SELECT date_trunc('day', since, 'UTC') AS since, key_id, user_id, team_id, account_id,
           provider, model, endpoint, status, count(*) AS parts, sum(requests) AS requests,
           sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read,
           sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
           sum(reasoning) AS reasoning, sum(audio_input) AS audio_input,
           sum(audio_output) AS audio_output, sum(cost_usd) AS cost_usd,
           sum(unpriced_requests) AS unpriced_requests, sum(markup_usd) AS markup_usd
    FROM usage_rollups
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)
INSERT INTO usage_periods
SELECT 'day', * FROM days
UNION ALL
SELECT 'month', date_trunc('month', since, 'UTC'), key_id, user_id, team_id, account_id, provider,
       model, endpoint, status, sum(parts), sum(requests), sum(input), sum(output),
       sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(reasoning),
       sum(audio_input), sum(audio_output), sum(cost_usd), sum(unpriced_requests), sum(markup_usd)
FROM days
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10
ORDER BY 1, 2;
