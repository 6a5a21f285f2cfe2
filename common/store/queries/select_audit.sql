SELECT id, occurred_at, actor, via, action, subject_kind, subject_id, address, detail
FROM audit
WHERE (%(before)s::uuid IS NULL OR id < %(before)s)
  AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(subject_kind)s::text IS NULL OR subject_kind = %(subject_kind)s)
  AND (%(subject_id)s::text IS NULL OR subject_id = %(subject_id)s)
ORDER BY id DESC
LIMIT %(limit)s
