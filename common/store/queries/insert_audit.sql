INSERT INTO audit (id, occurred_at, actor, via, action, subject_kind, subject_id, address, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
