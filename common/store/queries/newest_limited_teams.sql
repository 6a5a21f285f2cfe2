-- Teams that have limits or budgets, the newest first. What teams are here is a query of its own.
SELECT below.*, 0::numeric AS share
FROM ({below}) AS below
WHERE limits <> '{}' OR budgets <> '[]'
ORDER BY below.id DESC
LIMIT %(limit)s
