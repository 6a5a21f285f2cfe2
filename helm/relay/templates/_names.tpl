{{/* Names. A release's name may have 53 characters; a Knative Service gets 40 here, as Knative puts
`-00001-deployment-…` behind it. What is cut off is told apart by a hash. */}}

{{- define "relay.base" -}}
{{- $name := .Release.Name -}}
{{- if le (len $name) 22 -}}
{{ $name }}
{{- else -}}
{{ printf "%s-%s" ($name | trunc 15 | trimSuffix "-") ($name | sha256sum | trunc 6) }}
{{- end -}}
{{- end -}}

{{/* Argument: dict root, name (a component such as `key-admin`). */}}
{{- define "relay.component" -}}
{{ include "relay.base" .root }}-{{ .name }}
{{- end -}}

{{/* The address of a function or store inside the cluster. Argument: dict root, name. */}}
{{- define "relay.host" -}}
{{ include "relay.component" . }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end -}}

{{- define "relay.postgresql.name" -}}{{ include "relay.base" . }}-postgresql{{- end -}}
{{- define "relay.redis.name" -}}{{ include "relay.base" . }}-redis{{- end -}}

{{- define "relay.masterKeySecret" -}}
{{ .Values.secrets.existingMasterKeySecret | default (printf "%s-master-key" .Release.Name) }}
{{- end -}}

{{- define "relay.providerSecret" -}}
{{ .Values.secrets.existingSecret | default (printf "%s-llm-proxy" .Release.Name) }}
{{- end -}}

{{- define "relay.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "relay.base" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Argument: dict root, component. */}}
{{- define "relay.selector" -}}
app.kubernetes.io/name: relay
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Argument: dict root, component, further labels. */}}
{{- define "relay.labels" -}}
{{- $labels := dict
  "app.kubernetes.io/part-of" "relay"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/version" (.root.Chart.AppVersion | replace "+" "_")
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- $common := get .root.Values "commonLabels" | default dict -}}
{{- $own := include "relay.selector" . | fromYaml -}}
{{ include "relay.texts" (mergeOverwrite (deepCopy $common) $labels (.further | default dict) $own) }}
{{- end -}}

{{/* Of pods: nothing that changes with the chart's version, or every upgrade would restart them.
Argument: dict root, component, further. */}}
{{- define "relay.podLabels" -}}
{{- $common := get .root.Values "commonLabels" | default dict -}}
{{- $own := include "relay.selector" . | fromYaml -}}
{{ include "relay.texts" (mergeOverwrite (deepCopy $common) (deepCopy (.further | default dict)) (dict "app.kubernetes.io/part-of" "relay") $own) }}
{{- end -}}

{{/* `annotations:` of an object, indented, with the common ones; nothing when there are none.
Argument: dict root, further. */}}
{{- define "relay.annotations" -}}
{{- $all := mergeOverwrite (deepCopy .root.Values.commonAnnotations) (deepCopy (.further | default dict)) -}}
{{- if $all }}
  annotations:
    {{- include "relay.texts" $all | nindent 4 }}
{{- end -}}
{{- end -}}
