-- Where a task stops now; '' says that it is through.
INSERT INTO task_cursors AS present (task, after, through_at)
VALUES (%(task)s, %(after)s, CASE WHEN %(after)s = '' THEN now() END)
ON CONFLICT (task) DO UPDATE SET
    after = excluded.after, through_at = coalesce(excluded.through_at, present.through_at)
