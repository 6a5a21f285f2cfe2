-- Who has most of one figure; all figures of these are summed up next (sum_usage).
SELECT {column} AS one, ({metric})::numeric AS most
FROM ({source}) AS used
WHERE (%(key_id)s::uuid IS NULL OR key_id = %(key_id)s)
  AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
  AND (%(team_id)s::uuid IS NULL OR team_id = %(team_id)s)
  AND (%(team_ids)s::uuid[] IS NULL OR team_id = ANY(%(team_ids)s))
  AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
  AND (%(provider)s::text IS NULL OR provider = %(provider)s)
  AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(model)s::text IS NULL OR model = %(model)s)
GROUP BY {column}
ORDER BY {metric} DESC, {column}
LIMIT %(limit)s
