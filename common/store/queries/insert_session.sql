INSERT INTO sessions (id, subject, way, name, role, team_ids, user_id, key_id, credential, address,
                      client, ends_at)
VALUES (%(id)s, %(subject)s, %(way)s, %(name)s, %(role)s, %(team_ids)s, %(user_id)s, %(key_id)s,
        %(credential)s, %(address)s, %(client)s, now() + %(seconds)s * interval '1 second')
