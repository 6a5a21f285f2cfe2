-- A page of what stands at one place of the tree of limits, what is nearest to a budget first: by
-- the larger share of them that was spent in periods of UTC. What stands there is a query of its own, `tree_…`.
SELECT *
FROM (
    SELECT below.*, coalesce((
        -- Each of them is looked up: a scope has a total of every day there was.
        SELECT max((
            SELECT settled FROM spend_totals AS totals
            WHERE totals.scope = below.scope
              AND totals.period = %(periods)s::jsonb ->> (budget ->> 'period')
        ) / nullif((budget ->> 'usd')::numeric, 0))
        FROM jsonb_array_elements(below.budgets) AS budget
    ), 0)::numeric(24, 6) AS share
    FROM ({below}) AS below
) AS found
WHERE %(after_id)s::text IS NULL OR (share, id) < (%(after_share)s::numeric, %(after_id)s)
ORDER BY share DESC, id DESC
LIMIT %(limit)s
