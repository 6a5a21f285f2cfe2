{{/* Secrets that are rendered: only what values give, never anything made up. What is made lives in
`<release>-master-key` and `<release>-internal`, which `relayctl ensure-secrets` keeps. */}}

{{/* Provider keys that values give, as `data` of a Secret. */}}
{{- define "relay.providerData" -}}
{{- $data := dict -}}
{{- if .Values.secrets.create -}}
{{- range $value, $_ := include "relay.providerVariables" . | fromYaml -}}
{{- with include "relay.text" (get $.Values.secrets $value) -}}
{{- $_ := set $data (get $.Values.secrets.keys $value) (b64enc .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $data }}{{ toYaml $data }}{{ end -}}
{{- end -}}

{{/* Passwords of external stores that values give. Rendered, so that an upgrade can change them. */}}
{{- define "relay.externalData" -}}
{{- $data := dict -}}
{{- if not (or .Values.postgresql.enabled .Values.externalDatabase.existingSecret) -}}
{{- with include "relay.externalDatabasePassword" . }}{{ $_ := set $data "DATABASE_PASSWORD" (b64enc .) }}{{ end -}}
{{- end -}}
{{- if not (or .Values.redis.enabled .Values.externalRedis.existingSecret) -}}
{{- with include "relay.text" .Values.externalRedis.password }}{{ $_ := set $data "REDIS_PASSWORD" (b64enc .) }}{{ end -}}
{{- end -}}
{{- if $data }}{{ toYaml $data }}{{ end -}}
{{- end -}}

{{/* What values give for the Secrets that are made once, as files for `ensure-secrets --given`. */}}
{{- define "relay.givenData" -}}
{{- $given := dict
  "masterKey" .Values.secrets.masterKey
  "internalSecret" .Values.secrets.internalSecret
  "jwtSecret" .Values.config.jwtSecret
  "encryptionKey" .Values.config.encryptionKey
  "adminUsername" .Values.config.adminUsername
  "adminPassword" .Values.config.adminPassword
  "databasePassword" (ternary (dig "auth" "password" "" .Values.postgresql) "" .Values.postgresql.enabled)
  "redisPassword" (ternary (dig "auth" "password" "" .Values.redis) "" .Values.redis.enabled) -}}
{{- range $name, $value := $given -}}
{{- $_ := set $given $name (include "relay.text" $value | b64enc) -}}
{{- end -}}
{{ toYaml $given }}
{{- end -}}
