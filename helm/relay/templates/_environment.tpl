{{/* The functions' environment, part by part; knative/ has the same names (tests/chart). */}}

{{/* How a process logs, and how long it may take. */}}
{{- define "relay.env.bare" -}}
- name: RELAY_TIMEOUT_S
  value: {{ int .Values.config.timeoutSeconds | quote }}
- name: RELAY_INSTALLATION
  value: {{ .Release.Name }}
- name: RELAY_ENVIRONMENT
  value: {{ include "relay.text" .Values.config.nodeEnv | quote }}
- name: RELAY_HOST
  value: {{ .Values.config.host | quote }}
- name: RELAY_LOG_LEVEL
  value: {{ .Values.config.logLevel | replace "warning" "warn" | replace "warn" "warning" }}
- name: RELAY_LOG_DIRECTORY
  value: /app/logs
- name: RELAY_LOG_MAX_SIZE
  value: {{ .Values.config.logMaxSize }}
- name: RELAY_LOG_MAX_FILES
  value: {{ int .Values.config.logMaxFiles | quote }}
{{- end -}}

{{/* What every process with stores has: that, and where they are. */}}
{{- define "relay.env.process" -}}
{{ include "relay.env.bare" . }}
{{ include "relay.databaseEnv" (dict "root" . "direct" false) }}
{{ include "relay.redisEnv" . }}
{{- end -}}

{{- define "relay.env.common" -}}
{{ include "relay.env.process" . }}
{{ include "relay.secretVariable" (dict "name" "RELAY_INTERNAL_SECRET" "secret" (printf "%s-internal" .Release.Name) "key" "RELAY_INTERNAL_SECRET") }}
{{- if eq .Values.runtime "kubernetes" }}
- name: PORT
  value: {{ int .Values.config.port | quote }}
{{- end }}
{{- end -}}

{{/* Where events go, for all who send any. */}}
{{- define "relay.env.sink" -}}
{{- with include "relay.sinkUrl" . }}
- name: K_SINK
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The same, for who sends no usage: without a broker, straight to who tells people. */}}
{{- define "relay.env.tellingSink" -}}
{{- if and (eq .Values.runtime "kubernetes") (not .Values.broker.sinkUrl) }}
- name: K_SINK
  value: {{ printf "http://%s" (include "relay.host" (dict "root" . "name" "notifications")) | quote }}
{{- else }}
{{- include "relay.env.sink" . }}
{{- end }}
{{- end -}}

{{/* What opens secrets that are kept. */}}
{{- define "relay.env.encryptionKeys" -}}
{{ include "relay.secretVariable" (dict "name" "RELAY_ENCRYPTION_KEYS" "secret" (printf "%s-internal" .Release.Name) "key" "RELAY_ENCRYPTION_KEYS" "optional" true) }}
{{- end -}}

{{/* What `relay` and `key_admin` have beyond that. */}}
{{- define "relay.env.public" -}}
{{ include "relay.env.encryptionKeys" . | trim }}
{{ include "relay.secretVariable" (dict "name" "RELAY_EDGE_TOKEN" "secret" (printf "%s-internal" .Release.Name) "key" "RELAY_EDGE_TOKEN" "optional" true) }}
{{- include "relay.env.piiClient" . }}
{{- include "relay.env.providers" . }}
{{- end -}}

{{/* Where `pii` is, for who asks it. */}}
{{- define "relay.env.piiClient" -}}
{{- if .Values.pii.enabled }}
- name: RELAY_PII_URL
  value: http://{{ include "relay.host" (dict "root" . "name" "pii") }}
- name: RELAY_PII_TIMEOUT_MS
  value: {{ int .Values.pii.timeoutMs | quote }}
- name: RELAY_PII_CACHE_TTL_S
  value: {{ int .Values.pii.cacheTtlSeconds | quote }}
{{- end }}
{{- end -}}

{{/* The built-in accounts, for who asks providers. */}}
{{- define "relay.env.providers" -}}
{{- $secret := include "relay.providerSecret" . }}
{{- if or .Values.secrets.create .Values.secrets.existingSecret }}
{{- range $value, $name := include "relay.providerVariables" . | fromYaml }}
{{ include "relay.secretVariable" (dict "name" $name "secret" $secret "key" (get $.Values.secrets.keys $value) "optional" true) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Value below `secrets` → variable of the functions. */}}
{{- define "relay.providerVariables" -}}
openaiApiKey: OPENAI_API_KEY
openaiBaseUrl: OPENAI_BASE_URL
anthropicApiKey: ANTHROPIC_API_KEY
anthropicBaseUrl: ANTHROPIC_BASE_URL
azureOpenaiApiKey: AZURE_OPENAI_API_KEY
azureOpenaiEndpoint: AZURE_OPENAI_ENDPOINT
azureOpenaiApiVersion: OPENAI_API_VERSION
geminiApiKey: GEMINI_API_KEY
bedrockApiKey: AWS_BEARER_TOKEN_BEDROCK
awsAccessKeyId: AWS_ACCESS_KEY_ID
awsSecretAccessKey: AWS_SECRET_ACCESS_KEY
awsRegion: AWS_REGION
vertexServiceAccount: GOOGLE_APPLICATION_CREDENTIALS_JSON
vertexProject: GOOGLE_CLOUD_PROJECT
vertexLocation: GOOGLE_CLOUD_LOCATION
{{- end -}}

{{- define "relay.env.relay" -}}
{{ include "relay.env.common" . }}
{{ include "relay.env.sink" . | trim }}
{{ include "relay.env.public" . | trim }}
- name: RELAY_UNPRICED_MODELS
  value: {{ .Values.config.unpricedModels }}
- name: RELAY_STICKY_SESSION_S
  value: {{ int64 .Values.config.stickySessionSeconds | quote }}
- name: RELAY_CACHE_ENTRY_BYTES_MAX
  value: {{ int64 .Values.config.responseCache.entryBytesMax | quote }}
- name: RELAY_CACHE_TENANT_BYTES_MAX
  value: {{ int64 .Values.config.responseCache.tenantBytesMax | quote }}
- name: RELAY_BUDGET_THRESHOLDS
  value: {{ .Values.config.budgetThresholds | quote }}
- name: RELAY_DEFAULT_TOKEN_LIMIT
  value: {{ int64 .Values.config.defaultTokenLimit | quote }}
{{- if .Values.storage.data.external.enabled }}
- name: RELAY_PRICE_BOOK_DIRECTORY
  value: /app/external-data
{{- end }}
- name: RELAY_CONNECT_TIMEOUT_S
  value: {{ int .Values.config.connectTimeoutSeconds | quote }}
- name: RELAY_FIRST_TOKEN_TIMEOUT_S
  value: {{ int .Values.config.firstTokenTimeoutSeconds | quote }}
- name: RELAY_ATTEMPTS_MAX
  value: {{ int .Values.config.attemptsMax | quote }}
- name: RELAY_RETRY_WITHIN_S
  value: {{ int .Values.config.retryWithinSeconds | quote }}
- name: RELAY_FIRST_BYTE_TIMEOUT_S
  value: {{ int .Values.config.firstByteTimeoutSeconds | quote }}
- name: RELAY_IDLE_TIMEOUT_S
  value: {{ int .Values.config.idleTimeoutSeconds | quote }}
{{- end -}}

{{- define "relay.env.key-admin" -}}
{{ include "relay.env.common" . }}
{{ include "relay.secretVariable" (dict "name" "PROXY_MASTER_KEY" "secret" (include "relay.masterKeySecret" .) "key" "PROXY_MASTER_KEY") }}
- name: RELAY_API_KEY_PREFIX
  value: {{ .Values.config.apiKeyPrefix | quote }}
- name: RELAY_UNPRICED_MODELS
  value: {{ .Values.config.unpricedModels }}
{{ include "relay.env.signIn" . | trim }}
{{ include "relay.env.tellingSink" . | trim }}
{{ include "relay.env.public" . | trim }}
{{- end -}}

{{/* How people sign in; secrets come from Secrets only. */}}
{{- define "relay.env.signIn" -}}
{{- range list "RELAY_JWT_SECRET" "RELAY_ADMIN_USERNAME" "RELAY_ADMIN_PASSWORD" }}
{{ include "relay.secretVariable" (dict "name" . "secret" (printf "%s-internal" $.Release.Name) "key" . "optional" true) }}
{{- end }}
- name: RELAY_ADMIN_SESSION_TIMEOUT_MS
  value: {{ int64 .Values.config.adminSessionTimeout | quote }}
- name: RELAY_MASTER_KEY_SIGN_IN
  value: {{ ternary "on" "off" .Values.config.masterKeySignIn | quote }}
{{- with .Values.config.publicUrl }}
- name: RELAY_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- range $name, $value := dict "RELAY_OIDC_ISSUER" .Values.oidc.issuer "RELAY_OIDC_CLIENT_ID" .Values.oidc.clientId "RELAY_OIDC_NAME" .Values.oidc.name "RELAY_OIDC_SCOPES" .Values.oidc.scopes "RELAY_OIDC_ALLOWED_DOMAINS" (join "," .Values.oidc.allowedDomains) "RELAY_OIDC_ROLE_CLAIM" .Values.oidc.roleClaim "RELAY_OIDC_ROLES" (include "relay.oidcRoles" .) "RELAY_OIDC_DEFAULT_ROLE" .Values.oidc.defaultRole "RELAY_OIDC_USER_CLAIM" .Values.oidc.userClaim }}
{{- if $value }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- with .Values.oidc.existingSecret }}
{{- range list "RELAY_OIDC_CLIENT_SECRET" "RELAY_OIDC_PROVIDERS" }}
{{ include "relay.secretVariable" (dict "name" . "secret" $.Values.oidc.existingSecret "key" . "optional" true) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Values of the claim and their roles, as `value=role` with commas. */}}
{{- define "relay.oidcRoles" -}}
{{- $pairs := list -}}
{{- range $value, $role := .Values.oidc.roles -}}
{{- $pairs = append $pairs (printf "%s=%s" $value $role) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end -}}

{{- define "relay.env.usage-aggregation" -}}
{{ include "relay.env.common" . }}
{{ include "relay.env.tellingSink" . | trim }}
- name: RELAY_SWEEP_INTERVAL_S
  value: {{ int .Values.config.rateLimitCleanupInterval | quote }}
{{- end -}}

{{- define "relay.env.cleanup" -}}
{{ include "relay.env.common" . }}
{{ include "relay.env.tellingSink" . | trim }}
- name: RELAY_LEDGER_RETENTION_DAYS
  value: {{ include "relay.ledgerDays" . | quote }}
- name: RELAY_ROLLUP_RETENTION_DAYS
  value: {{ int .Values.config.rollupRetentionDays | quote }}
- name: RELAY_AUDIT_RETENTION_DAYS
  value: {{ int .Values.config.auditRetentionDays | quote }}
- name: RELAY_QUARANTINE_RETENTION_DAYS
  value: {{ int .Values.config.quarantineRetentionDays | quote }}
{{ include "relay.env.encryptionKeys" . | trim }}
{{- include "relay.env.providers" . }}
{{- if .Values.storage.data.external.enabled }}
- name: RELAY_PRICE_BOOK_DIRECTORY
  value: /app/external-data
{{- end }}
{{- end -}}

{{- define "relay.env.notifications" -}}
{{ include "relay.env.common" . }}
{{ include "relay.env.encryptionKeys" . | trim }}
{{- end -}}

{{/* No key and no secret but the stores' passwords. */}}
{{- define "relay.env.exporter" -}}
{{ include "relay.env.process" . }}
- name: PORT
  value: {{ int .Values.config.port | quote }}
{{- end -}}

{{/* No store and no key: of secrets what its callers' token is derived from. */}}
{{- define "relay.env.pii" -}}
{{ include "relay.env.bare" . }}
{{ include "relay.secretVariable" (dict "name" "RELAY_INTERNAL_SECRET" "secret" (printf "%s-internal" .Release.Name) "key" "RELAY_INTERNAL_SECRET") }}
{{- if eq .Values.runtime "kubernetes" }}
- name: PORT
  value: {{ int .Values.config.port | quote }}
{{- end }}
- name: RELAY_PII_MODELS
  value: {{ .Values.pii.models | quote }}
- name: RELAY_PII_QUEUE_CHARACTERS
  value: {{ int64 .Values.pii.queueCharacters | quote }}
{{- end -}}

{{/* Milliseconds as days, rounded up. */}}
{{- define "relay.ledgerDays" -}}
{{- div (add (int64 .Values.config.tokenUsageRetention) 86399999) 86400000 -}}
{{- end -}}

{{/* Where events are sent: written, as a SinkBinding makes a second revision (knative/README.md). */}}
{{- define "relay.sinkUrl" -}}
{{- $path := printf "%s/%s" .Release.Namespace (include "relay.base" .) -}}
{{- $class := .Values.broker.class | default "MTChannelBasedBroker" -}}
{{- if .Values.broker.sinkUrl -}}
{{ .Values.broker.sinkUrl }}
{{- else if eq .Values.runtime "kubernetes" -}}
http://{{ include "relay.host" (dict "root" . "name" "usage-aggregation") }}
{{- else if .Values.broker.sinkBinding -}}
{{- else if eq $class "MTChannelBasedBroker" -}}
http://broker-ingress.knative-eventing.svc.{{ .Values.clusterDomain }}/{{ $path }}
{{- else if eq $class "Kafka" -}}
http://kafka-broker-ingress.knative-eventing.svc.{{ .Values.clusterDomain }}/{{ $path }}
{{- else if eq $class "KafkaNamespaced" -}}
http://kafka-broker-ingress.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}/{{ $path }}
{{- else if eq $class "RabbitMQBroker" -}}
http://{{ include "relay.base" . }}-broker-ingress.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}
{{- end -}}
