{{/* What pods have in common. */}}

{{- define "relay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: ["ALL"]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Where a pod runs. Argument: dict root, values (the map with nodeSelector, …). */}}
{{- define "relay.scheduling" -}}
{{- $global := get .root.Values "global" | default dict -}}
{{- with get .root.Values "imagePullSecrets" | default (get $global "imagePullSecrets") }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with get .values "nodeSelector" }}
nodeSelector:
  {{- include "relay.texts" . | nindent 2 }}
{{- end }}
{{- with get .values "tolerations" }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with get .values "affinity" }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with get .values "priorityClassName" }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Topology spread, the selector filled in. Argument: dict root, component, constraints. */}}
{{- define "relay.spread" -}}
{{- range .constraints }}
{{- $selector := dict "matchLabels" (include "relay.selector" $ | fromYaml) }}
- {{- toYaml (merge (deepCopy .) (dict "labelSelector" $selector)) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Requests and limits of a function: `resources` stands below its own only when given whole. */}}
{{- define "relay.resources" -}}
{{- toYaml (.root.Values.resources | default .own) -}}
{{- end -}}

{{/* One environment variable from a Secret. Argument: dict name, secret, key, optional. */}}
{{- define "relay.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}
