-- Where a task stopped.
SELECT after FROM task_cursors WHERE task = %s
