SELECT count(*) AS count FROM changes
