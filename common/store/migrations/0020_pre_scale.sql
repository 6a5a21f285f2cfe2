-- Sums of all keys, users and, but for cut `team`, teams: what pages that show everything read, so
-- that their cost follows the number of days and no longer that of keys.
--
-- cut `all` keeps the status alone, also by quarters of an hour, whose sums make up the days of every
-- time zone; `served` who answered what, `team` whose it was, both by days and months of UTC. What a
-- cut does not keep is NULL. Kept by triggers, as `usage_periods` is (0011), for the same reasons.
CREATE TABLE usage_cuts (
    cut text NOT NULL CHECK (cut IN ('all', 'served', 'team')),
    step text NOT NULL CHECK (step IN ('quarter', 'day', 'month')),
    since timestamptz NOT NULL,
    team_id uuid,
    account_id uuid,
    provider text,
    model text,
    endpoint text,
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
        (cut, step, since, team_id, account_id, provider, model, endpoint, status)
) WITH (fillfactor = 60);

-- What rows of rollups, or of sums of them, add to each cut: the one text for triggers and for what is
-- there already. `%1$s` are the rows, `%2$s` which of the cuts' lines they fill.
CREATE FUNCTION pg_temp.sums_of(rows_given text, lines text) RETURNS text LANGUAGE sql AS $sql$
    SELECT format($insert$
        WITH changed AS MATERIALIZED (
            SELECT since, team_id, account_id, provider, model, endpoint, status,
                   sum(parts) AS parts, sum(requests) AS requests, sum(input) AS input,
                   sum(output) AS output, sum(cache_read) AS cache_read,
                   sum(cache_write_5m) AS cache_write_5m, sum(cache_write_1h) AS cache_write_1h,
                   sum(reasoning) AS reasoning, sum(audio_input) AS audio_input,
                   sum(audio_output) AS audio_output, sum(cost_usd) AS cost_usd,
                   sum(unpriced_requests) AS unpriced_requests, sum(markup_usd) AS markup_usd
            FROM (%1$s) AS given
            GROUP BY since, team_id, account_id, provider, model, endpoint, status
        )
        INSERT INTO usage_cuts AS present (
            cut, step, since, team_id, account_id, provider, model, endpoint, status, parts,
            requests, input, output, cache_read, cache_write_5m, cache_write_1h, reasoning,
            audio_input, audio_output, cost_usd, unpriced_requests, markup_usd
        )
        SELECT line.cut, line.step,
               CASE line.step WHEN 'quarter' THEN since ELSE date_trunc(line.step, since, 'UTC') END,
               CASE WHEN line.cut = 'team' THEN team_id END,
               CASE WHEN line.cut = 'served' THEN account_id END,
               CASE WHEN line.cut = 'served' THEN provider END,
               CASE WHEN line.cut = 'served' THEN model END,
               CASE WHEN line.cut = 'served' THEN endpoint END,
               status, sum(parts), sum(requests), sum(input), sum(output), sum(cache_read),
               sum(cache_write_5m), sum(cache_write_1h), sum(reasoning), sum(audio_input),
               sum(audio_output), sum(cost_usd), sum(unpriced_requests), sum(markup_usd)
        FROM changed
        CROSS JOIN (VALUES %2$s) AS line (cut, step)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ON CONFLICT (cut, step, since, team_id, account_id, provider, model, endpoint, status)
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
            markup_usd = present.markup_usd + excluded.markup_usd
    $insert$, rows_given, lines)
$sql$;

-- Rows of a rollup with what they count for: 1, or -1 for what was there before.
CREATE FUNCTION pg_temp.signed(sign integer, rows_of text) RETURNS text LANGUAGE sql AS $sql$
    SELECT format($rows$
        SELECT since, team_id, account_id, provider, model, endpoint, status, %1$s AS parts,
               %1$s * requests AS requests, %1$s * input AS input, %1$s * output AS output,
               %1$s * cache_read AS cache_read, %1$s * cache_write_5m AS cache_write_5m,
               %1$s * cache_write_1h AS cache_write_1h, %1$s * reasoning AS reasoning,
               %1$s * audio_input AS audio_input, %1$s * audio_output AS audio_output,
               %1$s * cost_usd AS cost_usd, %1$s * unpriced_requests AS unpriced_requests,
               %1$s * markup_usd AS markup_usd
        FROM %2$s
    $rows$, sign, rows_of)
$sql$;

-- Rows that are there already, with NULL for the columns that are not `kept`.
CREATE FUNCTION pg_temp.kept(rows_of text, names text[]) RETURNS text LANGUAGE sql AS $sql$
    SELECT format('SELECT since, %s, status, %s AS parts, requests, input, output, cache_read, '
        'cache_write_5m, cache_write_1h, reasoning, audio_input, audio_output, cost_usd, '
        'unpriced_requests, markup_usd FROM %s',
        string_agg(CASE WHEN name = ANY (names) THEN name ELSE format('NULL::%s AS %s', type, name) END,
                   ', ' ORDER BY place),
        CASE WHEN rows_of = 'usage_rollups' THEN '1' ELSE 'parts' END, rows_of)
    FROM (VALUES (1, 'team_id', 'uuid'), (2, 'account_id', 'uuid'), (3, 'provider', 'text'),
                 (4, 'model', 'text'), (5, 'endpoint', 'text')) AS columns (place, name, type)
$sql$;

DO $migration$
DECLARE
    lines CONSTANT text := $$('all', 'quarter'), ('all', 'day'), ('all', 'month'),
        ('served', 'day'), ('served', 'month'), ('team', 'day'), ('team', 'month')$$;
    added CONSTANT text := pg_temp.signed(1, 'added');
    removed CONSTANT text := pg_temp.signed(-1, 'removed');
    kind record;
BEGIN
    FOR kind IN
        VALUES
            ('insert', added, 'NEW TABLE AS added'),
            ('update', added || ' UNION ALL ' || removed,
                'NEW TABLE AS added OLD TABLE AS removed'),
            ('delete', removed, 'OLD TABLE AS removed')
    LOOP
        EXECUTE format($create$
            CREATE FUNCTION usage_cuts_after_%1$s() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN
                IF NOT EXISTS (SELECT FROM (%2$s) AS changed) THEN
                    RETURN NULL;
                END IF;
                -- The lock of `usage_periods` (0011): both are kept by one at a time.
                PERFORM pg_advisory_xact_lock(7205761);
                %3$s;
                IF TG_OP = 'DELETE' THEN
                    DELETE FROM usage_cuts
                    WHERE parts = 0 AND since IN (
                        SELECT since FROM (%2$s) AS changed
                        UNION
                        SELECT date_trunc('day', since, 'UTC') FROM (%2$s) AS changed
                        UNION
                        SELECT date_trunc('month', since, 'UTC') FROM (%2$s) AS changed
                    );
                END IF;
                RETURN NULL;
            END
            $body$
        $create$, kind.column1, kind.column2, pg_temp.sums_of(kind.column2, lines));
        EXECUTE format(
            'CREATE TRIGGER usage_cuts_after_%1$s AFTER %1$s ON usage_rollups '
            'REFERENCING %2$s FOR EACH STATEMENT EXECUTE FUNCTION usage_cuts_after_%1$s()',
            kind.column1, kind.column3
        );
    END LOOP;
    -- What is there already, a cut at a time, of rows that have lost what it does not keep. Making the
    -- triggers has locked out who writes rollups, to the commit: postings meanwhile are answered 503
    -- and come again, or wait in the outbox.
    FOR kind IN
        VALUES
            ('all', 'usage_rollups', '{}'::text[]),
            ('team', $$usage_periods WHERE step = 'day' AND parts > 0$$, '{team_id}'),
            ('served', $$usage_periods WHERE step = 'day' AND parts > 0$$,
                '{account_id,provider,model,endpoint}')
    LOOP
        EXECUTE pg_temp.sums_of(
            pg_temp.kept(kind.column2, kind.column3),
            CASE WHEN kind.column1 = 'all' THEN $$('all', 'quarter'), $$ ELSE '' END
                || format('(%1$L, ''day''), (%1$L, ''month'')', kind.column1)
        );
    END LOOP;
END
$migration$;

CREATE FUNCTION usage_cuts_after_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE usage_cuts;
    RETURN NULL;
END
$$;
CREATE TRIGGER usage_cuts_after_truncate AFTER TRUNCATE ON usage_rollups
FOR EACH STATEMENT EXECUTE FUNCTION usage_cuts_after_truncate();
