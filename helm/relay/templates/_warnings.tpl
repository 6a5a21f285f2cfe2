{{/* What is no failure, but should be known; a line each. */}}

{{- define "relay.warnings" -}}
{{- $knative := eq .Values.runtime "knative" -}}
{{- if regexMatch "(wei-shaw/claude-relay-service|geeper-io/relay|litellm)" .Values.image.repository }}
- image.repository is {{ .Values.image.repository }}, an image of another program: use your registry's `relay`, built from this repository.
{{- end }}
{{- if not (or .Values.secrets.existingSecret (include "relay.providerData" .)) }}
- No provider key is given: add accounts by POST /internal/accounts, or set secrets.openaiApiKey or secrets.existingSecret.
{{- end }}
{{- if and $knative .Values.autoscaling.enabled }}
- autoscaling.enabled uses Knative's HPA class (the component serving-hpa must be installed), which never scales to zero.
{{- end }}
{{- if and $knative (gt (int .Values.config.timeoutSeconds) 600) }}
- config.timeoutSeconds is more than 600: Knative's ConfigMap config-defaults needs max-revision-timeout-seconds as high, and the activator its grace period.
{{- end }}
{{- with include "relay.featureFlags" . | fromYamlArray }}
- Knative's ConfigMap config-features needs `enabled` for: {{ join ", " . }}.
{{- end }}
{{- if eq (include "relay.redisEphemeral" .) "yes" }}
- redis.persistence.enabled is false: a restarted Redis loses leases, and usage that is not in the ledger yet.
{{- end }}
{{- if and .Values.postgresql.enabled (not (dig "persistence" "enabled" true .Values.postgresql)) }}
- postgresql.persistence.enabled is false: a restarted Postgres loses keys and ledger.
{{- end }}
{{- if and (eq .Values.storage.logs.mode "pvc") (not .Values.podSecurityContext) }}
- storage.logs.mode is pvc: the claim must be writable for uid 65532; where its storage does not see to that, set podSecurityContext.fsGroup=65532.
{{- end }}
{{- if or .Values.persistence.chroma.enabled .Values.persistence.knowledgeBase.enabled }}
- persistence.chroma and persistence.knowledgeBase make no claims: knowledge lives in Postgres.
{{- end }}
{{- if and .Values.storage.data.external.enabled (hasPrefix "ReadWriteOnce" .Values.storage.data.external.accessMode) }}
- storage.data.external.accessMode is {{ .Values.storage.data.external.accessMode }}: all functions must run on the claim's node; ReadOnlyMany or ReadWriteMany lifts that.
{{- end }}
{{- end -}}

{{- define "relay.redisEphemeral" -}}
{{- if and .Values.redis.enabled (not (dig "persistence" "enabled" true .Values.redis)) }}yes{{ end -}}
{{- end -}}

{{/* Flags of Knative (serving config/core/configmaps/features.yaml) that these values need. */}}
{{- define "relay.featureFlags" -}}
{{- $flags := list -}}
{{- if eq .Values.runtime "knative" -}}
{{- if or .Values.storage.data.external.enabled (eq .Values.storage.logs.mode "pvc") }}{{ $flags = append $flags "kubernetes.podspec-persistent-volume-claim" }}{{ end -}}
{{- if eq .Values.storage.logs.mode "pvc" }}{{ $flags = append $flags "kubernetes.podspec-persistent-volume-write" }}{{ end -}}
{{- if .Values.nodeSelector }}{{ $flags = append $flags "kubernetes.podspec-nodeselector" }}{{ end -}}
{{- if .Values.tolerations }}{{ $flags = append $flags "kubernetes.podspec-tolerations" }}{{ end -}}
{{- if .Values.affinity }}{{ $flags = append $flags "kubernetes.podspec-affinity" }}{{ end -}}
{{- if .Values.topologySpreadConstraints }}{{ $flags = append $flags "kubernetes.podspec-topologyspreadconstraints" }}{{ end -}}
{{- if .Values.priorityClassName }}{{ $flags = append $flags "kubernetes.podspec-priorityclassname" }}{{ end -}}
{{- if .Values.podSecurityContext }}{{ $flags = append $flags "kubernetes.podspec-securitycontext" }}{{ end -}}
{{- range .Values.extraEnv }}{{ if dig "valueFrom" "fieldRef" "" . }}{{ $flags = append $flags "kubernetes.podspec-fieldref" }}{{ end }}{{ end -}}
{{- range .Values.extraVolumes }}{{ if hasKey . "persistentVolumeClaim" }}{{ $flags = append $flags "kubernetes.podspec-persistent-volume-claim" }}{{ end }}{{ end -}}
{{- end -}}
{{ $flags | uniq | toYaml }}
{{- end -}}
