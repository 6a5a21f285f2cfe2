{{/* One function: a Knative Service, or with `runtime: kubernetes` Deployment, Service and HPA; and
its metrics' Service. Argument: dict root, name (key-admin), module (key_admin), scale (dict min, max,
target, annotations), resources, burst (the activator leaves the path when warm), image (if another),
startSeconds (before it is asked whether it lives). */}}
{{- define "relay.function" -}}
{{- $name := include "relay.component" . -}}
{{- $_ := set . "component" .name -}}
{{- if eq .root.Values.runtime "knative" -}}
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: {{ $name }}
  labels:
    {{- include "relay.labels" (dict "root" .root "component" .name "further" (dict "networking.knative.dev/visibility" "cluster-local")) | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  template:
    metadata:
      labels:
        {{- include "relay.podLabels" (dict "root" .root "component" .name "further" .root.Values.podLabels) | nindent 8 }}
      annotations:
        {{- include "relay.scaling" . | nindent 8 }}
    spec:
      # Asynchronous code: the bound is the autoscaler's target, not a hard limit.
      containerConcurrency: 0
      # Caps whole responses, streams too, and is the pod's grace period at SIGTERM.
      timeoutSeconds: {{ int .root.Values.config.timeoutSeconds }}
      responseStartTimeoutSeconds: {{ int .root.Values.config.timeoutSeconds }}
      {{- include "relay.podSpec" . | nindent 6 }}
{{- else -}}
{{ include "relay.deployment" . }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels:
    {{- include "relay.labels" . | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  ports:
    - name: http
      port: 80
      targetPort: http
  selector:
    {{- include "relay.selector" . | nindent 4 }}
{{- if gt (int .scale.max) (max 1 (int .scale.min)) }}
---
{{ include "relay.horizontalAutoscaler" . }}
{{- end }}
{{- end }}
---
{{ include "relay.metricsService" . }}
{{- end -}}

{{/* Headless: each pod is scraped by itself. Nothing is scraped where nothing runs. */}}
{{- define "relay.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "relay.component" . }}-metrics
  labels:
    {{- include "relay.labels" (dict "root" .root "component" .name "further" (dict "relay/metrics" "true")) | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  clusterIP: None
  ports:
    - name: {{ (include "relay.serviceMonitor" .root | fromYaml).port }}
      port: 9464
      targetPort: 9464
  selector:
    {{- include "relay.selector" . | nindent 4 }}
{{- end -}}

{{/* Annotations of a revision: who scales it, and how far. */}}
{{- define "relay.scaling" -}}
{{- $scaling := dict
  "autoscaling.knative.dev/metric" "concurrency"
  "autoscaling.knative.dev/target" (include "relay.text" .scale.target)
  "autoscaling.knative.dev/min-scale" (include "relay.text" .scale.min)
  "autoscaling.knative.dev/max-scale" (include "relay.text" .scale.max) -}}
{{- if .burst -}}
{{- $_ := set $scaling "autoscaling.knative.dev/target-burst-capacity" "0" -}}
{{- end -}}
{{- if .hpa -}}
{{- $metric := ternary "memory" "cpu" (eq (int .hpa.cpu) 0) -}}
{{- $_ := set $scaling "autoscaling.knative.dev/class" "hpa.autoscaling.knative.dev" -}}
{{- $_ := set $scaling "autoscaling.knative.dev/metric" $metric -}}
{{- $_ := set $scaling "autoscaling.knative.dev/target" (include "relay.hpaTarget" .) -}}
{{- end -}}
{{- include "relay.texts" (mergeOverwrite $scaling (include "relay.rollAnnotations" . | fromYaml) (deepCopy .root.Values.podAnnotations) (deepCopy .scale.annotations)) -}}
{{- end -}}

{{/* The HPA class takes CPU in percent of the request, and memory in MiB. */}}
{{- define "relay.hpaTarget" -}}
{{- if gt (int .hpa.cpu) 0 -}}
{{ int .hpa.cpu }}
{{- else -}}
{{- $requested := dig "requests" "memory" "" (include "relay.resources" (dict "root" .root "own" .resources) | fromYaml) -}}
{{ div (mul (include "relay.mebibytes" $requested | int) (int .hpa.memory)) 100 | max 1 }}
{{- end -}}
{{- end -}}

{{/* What a pod does not see by itself: a changed Secret makes a new revision. */}}
{{- define "relay.rollAnnotations" -}}
{{- if has .name (list "relay" "key-admin") }}
relay/provider-keys: {{ include "relay.providerData" .root | sha256sum | trunc 16 | quote }}
{{- end }}
relay/external-passwords: {{ include "relay.externalData" .root | sha256sum | trunc 16 | quote }}
{{- if include "relay.fluentBitEnabled" .root }}
relay/fluent-bit: {{ include "relay.fluentBitConfig" .root | sha256sum | trunc 16 | quote }}
{{- end }}
{{- end -}}

{{/* The pod of a function, in either runtime; `plain`: of a Deployment in both. */}}
{{- define "relay.podSpec" -}}
{{- $values := .root.Values -}}
{{- $kubernetes := or (eq $values.runtime "kubernetes") .plain -}}
serviceAccountName: {{ include "relay.serviceAccount" .root }}
enableServiceLinks: false
containers:
  - name: {{ .name }}
    image: {{ .image | default (include "relay.image" .root) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command: ["python", "-m", "common.serve"]
    args: ["functions.{{ .module }}.main:application"]
    ports:
      - containerPort: {{ int $values.config.port }}
        {{- if $kubernetes }}
        name: http
      - containerPort: 9464
        name: metrics
        {{- end }}
    env:
      {{- include (printf "relay.env.%s" .name) .root | nindent 6 }}
      {{- with $values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with $values.extraEnvFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    # On Knative no periodSeconds: the queue-proxy then looks every 50 ms, which is the cold start.
    readinessProbe:
      httpGet:
        path: /health/ready
        {{- if $kubernetes }}
        port: http
      periodSeconds: 5
        {{- end }}
    livenessProbe:
      httpGet:
        path: /health/live
        {{- if $kubernetes }}
        port: http
        {{- end }}
      {{- with .startSeconds }}
      initialDelaySeconds: {{ . }}
      {{- end }}
      periodSeconds: 10
    resources:
      {{- if .image }}
      {{- /* `resources` is for the light functions. */}}
      {{- toYaml .resources | nindent 6 }}
      {{- else }}
      {{- include "relay.resources" (dict "root" .root "own" .resources) | nindent 6 }}
      {{- end }}
    securityContext:
      {{- include "relay.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - name: scratch
        mountPath: /tmp
      - name: logs
        mountPath: /app/logs
      {{- if $values.storage.data.external.enabled }}
      - name: external-data
        mountPath: /app/external-data
        readOnly: true
      {{- end }}
      {{- include "relay.storeMounts" .root | trim | nindent 6 }}
      {{- with $values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- if include "relay.fluentBitEnabled" .root }}
  {{- include "relay.fluentBitContainer" .root | nindent 2 }}
  {{- end }}
volumes:
  {{- include "relay.volumes" .root | nindent 2 }}
{{- include "relay.scheduling" (dict "root" .root "values" $values) }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- include "relay.spread" (dict "root" $.root "component" $.name "constraints" .) | trim | nindent 2 }}
{{- end }}
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "relay.volumes" -}}
- name: scratch
  emptyDir: {}
- name: logs
  {{- if eq .Values.storage.logs.mode "pvc" }}
  persistentVolumeClaim:
    claimName: {{ .Values.storage.logs.persistence.existingClaim | default (printf "%s-logs" .Release.Name) }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- if .Values.storage.data.external.enabled }}
- name: external-data
  persistentVolumeClaim:
    claimName: {{ .Values.storage.data.external.existingClaim | default (printf "%s-external-data" .Release.Name) }}
    readOnly: true
{{- end }}
{{- if include "relay.fluentBitEnabled" . }}
- name: fluent-bit
  configMap:
    name: {{ .Release.Name }}-fluent-bit-config
{{- end }}
{{- include "relay.storeVolumes" . }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
