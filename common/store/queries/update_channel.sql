UPDATE notification_channels
SET name = %(name)s, settings = %(settings)s, sealed_secrets = %(sealed_secrets)s,
    events = %(events)s, team_ids = %(team_ids)s, severity = %(severity)s, enabled = %(enabled)s,
    version = nextval('projection_versions'), updated_at = now()
WHERE id = %(id)s AND version = %(version)s
