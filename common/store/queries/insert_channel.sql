INSERT INTO notification_channels (
    id, name, kind, settings, sealed_secrets, events, team_ids, severity, enabled
)
VALUES (
    %(id)s, %(name)s, %(kind)s, %(settings)s, %(sealed_secrets)s, %(events)s, %(team_ids)s,
    %(severity)s, %(enabled)s
)
