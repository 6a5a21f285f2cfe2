{{/* Broker, Triggers and PingSources; knative/ has the same ones (tests/chart). */}}

{{/* The tasks of `cleanup` and when they are due. Those of ten minutes wake one pod together. Daily
ones run in the values' time zone. */}}
{{- define "relay.tasks" -}}
{{- $daily := include "relay.timezone" . -}}
- {task: outbox, schedule: "*/10 * * * *", timezone: Etc/UTC}
- {task: leases, schedule: "5-59/10 * * * *", timezone: Etc/UTC}
- {task: jobs, schedule: "5-59/10 * * * *", timezone: Etc/UTC}
- {task: account_health, schedule: "5-59/10 * * * *", timezone: Etc/UTC}
- {task: notifications, schedule: "5-59/10 * * * *", timezone: Etc/UTC}
- {task: partitions, schedule: "17 0 * * *", timezone: {{ $daily }}}
- {task: projection, schedule: "*/10 * * * *", timezone: Etc/UTC}
- {task: retention, schedule: "40 0 * * *", timezone: {{ $daily }}}
- {task: reconcile, schedule: {{ .Values.config.reconcileSchedule | quote }}, timezone: Etc/UTC}
- {task: key_expiry, schedule: {{ include "relay.cleanupSchedule" . | quote }}, timezone: Etc/UTC}
{{- end -}}

{{/* What `notifications` tells people of: Trigger and type. */}}
{{- define "relay.toldTypes" -}}
budget-threshold: ai.relay.budget.threshold.v1
account-health: ai.relay.account.health.v1
keys-expiring: ai.relay.keys.expiring.v1
spend-drift: ai.relay.spend.drift.v1
login-failures: ai.relay.login.failures.v1
notifications-due: ai.relay.notifications.due.v1
{{- end -}}

{{/* `config.cleanupInterval` in cron's words; relay.validate has refused what it cannot say. */}}
{{- define "relay.cleanupSchedule" -}}
{{- $minutes := div (int64 .Values.config.cleanupInterval) 60000 -}}
{{- if lt $minutes 60 -}}
*/{{ $minutes }} * * * *
{{- else if eq $minutes 60 -}}
0 * * * *
{{- else if eq $minutes 1440 -}}
0 0 * * *
{{- else -}}
0 */{{ div $minutes 60 }} * * *
{{- end -}}
{{- end -}}

{{/* Argument: dict root, name, component (the subscriber), type, retry, backoffDelay, timeout. */}}
{{- define "relay.trigger" -}}
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: {{ include "relay.component" . }}
  labels:
    {{- include "relay.labels" . | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  broker: {{ include "relay.base" .root }}
  filters:
    - exact:
        type: {{ .type }}
  subscriber:
    ref:
      apiVersion: serving.knative.dev/v1
      kind: Service
      name: {{ include "relay.component" (dict "root" .root "name" .component) }}
  delivery:
    retry: {{ .retry }}
    backoffPolicy: exponential
    backoffDelay: {{ .backoffDelay }}
    timeout: {{ .timeout }}
    deadLetterSink:
      ref:
        apiVersion: serving.knative.dev/v1
        kind: Service
        name: {{ include "relay.component" (dict "root" .root "name" "cleanup") }}
      uri: /dead-letters
{{- end -}}

{{/* Argument: dict root, task, schedule, timezone. */}}
{{- define "relay.pingSource" -}}
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata:
  name: {{ include "relay.base" .root }}-{{ .task | replace "_" "-" }}
  labels:
    {{- include "relay.labels" (dict "root" .root "component" "cleanup") | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  schedule: {{ .schedule | quote }}
  timezone: {{ .timezone }}
  contentType: application/json
  data: {{ printf "{\"task\": %s}" (toJson .task) | squote }}
  # The broker, never the service: its retries and dead letters then cover the tick.
  sink:
    ref:
      apiVersion: eventing.knative.dev/v1
      kind: Broker
      name: {{ include "relay.base" .root }}
{{- end -}}
