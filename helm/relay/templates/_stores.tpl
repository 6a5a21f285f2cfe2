{{/* Where Postgres and Redis are: addresses without passwords, and the Secrets that have these. */}}

{{/* Variables of Postgres. Argument: dict root, direct (past a pooler). */}}
{{- define "relay.databaseEnv" -}}
{{- $external := .root.Values.externalDatabase -}}
{{- $keys := $external.existingSecretKeys -}}
{{- if .root.Values.postgresql.enabled -}}
- name: RELAY_DATABASE_URL
  value: postgresql://relay@{{ include "relay.host" (dict "root" .root "name" "postgresql") }}:5432/relay
{{ include "relay.secretVariable" (dict "name" "RELAY_DATABASE_PASSWORD" "secret" (printf "%s-internal" .root.Release.Name) "key" "DATABASE_PASSWORD") }}
{{- else if and $external.existingSecret $keys.url -}}
{{ include "relay.secretVariable" (dict "name" "RELAY_DATABASE_URL" "secret" $external.existingSecret "key" $keys.url) }}
{{- else -}}
- name: RELAY_DATABASE_URL
  value: {{ include "relay.externalDatabaseUrl" . | quote }}
{{- if $external.existingSecret }}
{{ include "relay.secretVariable" (dict "name" "RELAY_DATABASE_PASSWORD" "secret" $external.existingSecret "key" $keys.password) }}
{{- else if include "relay.externalDatabasePassword" .root }}
{{ include "relay.secretVariable" (dict "name" "RELAY_DATABASE_PASSWORD" "secret" (printf "%s-external" .root.Release.Name) "key" "DATABASE_PASSWORD") }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "relay.externalDatabasePassword" -}}
{{- $external := .Values.externalDatabase -}}
{{- if $external.url -}}
{{- regexFind ":.*$" (urlParse $external.url).userinfo | trimPrefix ":" | default (include "relay.text" $external.password) -}}
{{- else -}}
{{- include "relay.text" $external.password -}}
{{- end -}}
{{- end -}}

{{- define "relay.externalDatabaseUrl" -}}
{{- $external := .root.Values.externalDatabase -}}
{{- $parts := dict "scheme" "postgresql" "host" (printf "%s:%d" $external.host (int $external.port))
  "userinfo" (include "relay.text" $external.username | urlquery) "path" (printf "/%s" (include "relay.text" $external.database | urlquery)) "query" "" -}}
{{- if $external.url -}}
{{- $given := urlParse $external.url -}}
{{- $parts = dict "scheme" "postgresql" "host" $given.host "path" $given.path "query" $given.query "userinfo" (regexFind "^[^:]*" $given.userinfo) -}}
{{- end -}}
{{- if and .direct $external.direct.host -}}
{{- $_ := set $parts "host" (printf "%s:%d" $external.direct.host (int $external.direct.port)) -}}
{{- end -}}
{{- $query := list -}}
{{- with $parts.query }}{{ $query = append $query . }}{{ end -}}
{{- with $external.sslMode }}{{ $query = append $query (printf "sslmode=%s" .) }}{{ end -}}
{{- if $external.caSecret }}{{ $query = append $query "sslrootcert=/etc/relay/database-ca/ca.crt" }}{{ end -}}
{{- $_ := set $parts "query" (join "&" $query) -}}
{{ urlJoin $parts }}
{{- end -}}

{{/* Variables of Redis. */}}
{{- define "relay.redisEnv" -}}
{{- $external := .Values.externalRedis -}}
- name: RELAY_REDIS_URL
{{- if .Values.redis.enabled }}
  value: redis://{{ include "relay.host" (dict "root" . "name" "redis") }}:6379/0
{{- if .Values.redis.auth.enabled }}
{{ include "relay.secretVariable" (dict "name" "RELAY_REDIS_PASSWORD" "secret" (printf "%s-internal" .Release.Name) "key" "REDIS_PASSWORD") }}
{{- end }}
{{- else }}
  value: {{ include "relay.externalRedisUrl" . | quote }}
{{- if $external.existingSecret }}
{{ include "relay.secretVariable" (dict "name" "RELAY_REDIS_PASSWORD" "secret" $external.existingSecret "key" $external.existingSecretKey) }}
{{- else if include "relay.text" $external.password }}
{{ include "relay.secretVariable" (dict "name" "RELAY_REDIS_PASSWORD" "secret" (printf "%s-external" .Release.Name) "key" "REDIS_PASSWORD") }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "relay.externalRedisUrl" -}}
{{- $external := .Values.externalRedis -}}
{{- $query := list -}}
{{- if $external.tls -}}
{{- if $external.caSecret }}{{ $query = append $query "ssl_ca_certs=/etc/relay/redis-ca/ca.crt" }}{{ end -}}
{{- if $external.insecureSkipVerify }}{{ $query = append $query "ssl_cert_reqs=none" }}{{ end -}}
{{- end -}}
{{- $hosts := join "," $external.nodes | default (printf "%s:%d" $external.host (int $external.port)) -}}
{{- $kind := dict "standalone" "" "sentinel" "+sentinel" "cluster" "+cluster" -}}
{{- $user := include "relay.text" $external.username | urlquery -}}
{{ ternary "rediss" "redis" $external.tls }}{{ get $kind $external.mode }}://{{ with $user }}{{ . }}@{{ end }}{{ $hosts }}
{{- if eq $external.mode "sentinel" }}/{{ $external.primaryName }}{{ end -}}
/{{ int $external.database }}
{{- with $query }}?{{ join "&" . }}{{ end -}}
{{- end -}}

{{/* Volumes with the authorities of external stores, and where they are mounted. */}}
{{- define "relay.storeVolumes" -}}
{{- if and .Values.externalDatabase.caSecret (not .Values.postgresql.enabled) }}
- name: database-ca
  secret:
    secretName: {{ .Values.externalDatabase.caSecret }}
{{- end }}
{{- if and .Values.externalRedis.caSecret .Values.externalRedis.tls (not .Values.redis.enabled) }}
- name: redis-ca
  secret:
    secretName: {{ .Values.externalRedis.caSecret }}
{{- end }}
{{- end -}}

{{- define "relay.storeMounts" -}}
{{- if and .Values.externalDatabase.caSecret (not .Values.postgresql.enabled) }}
- name: database-ca
  mountPath: /etc/relay/database-ca
  readOnly: true
{{- end }}
{{- if and .Values.externalRedis.caSecret .Values.externalRedis.tls (not .Values.redis.enabled) }}
- name: redis-ca
  mountPath: /etc/relay/redis-ca
  readOnly: true
{{- end }}
{{- end -}}
