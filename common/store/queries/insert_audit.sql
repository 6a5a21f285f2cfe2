INSERT INTO audit (id, occurred_at, actor, action, subject_kind, subject_id, address, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
