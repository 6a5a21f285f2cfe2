{{/* A function without Knative: always at least one pod. Argument: as of relay.function. */}}

{{- define "relay.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "relay.component" . }}
  labels:
    {{- include "relay.labels" . | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  {{- if le (int .scale.max) (max 1 (int .scale.min)) }}
  replicas: {{ max 1 (int .scale.min) }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "relay.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "relay.podLabels" (dict "root" .root "component" .name "further" .root.Values.podLabels) | nindent 8 }}
      annotations:
        {{- include "relay.texts" (mergeOverwrite (include "relay.rollAnnotations" . | fromYaml) (deepCopy .root.Values.podAnnotations) (deepCopy .scale.annotations)) | nindent 8 }}
    spec:
      # Streams end by themselves for as long.
      terminationGracePeriodSeconds: {{ int .root.Values.config.timeoutSeconds }}
      {{- include "relay.podSpec" . | nindent 6 }}
{{- end -}}

{{- define "relay.horizontalAutoscaler" -}}
{{- $cpu := 80 -}}
{{- $memory := 0 -}}
{{- with .hpa }}{{ $cpu = int .cpu }}{{ $memory = int .memory }}{{ end -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "relay.component" . }}
  labels:
    {{- include "relay.labels" . | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "relay.component" . }}
  minReplicas: {{ max 1 (int .scale.min) }}
  maxReplicas: {{ int .scale.max }}
  metrics:
    {{- range $resource, $percent := dict "cpu" $cpu "memory" $memory }}
    {{- if $percent }}
    - type: Resource
      resource:
        name: {{ $resource }}
        target:
          type: Utilization
          averageUtilization: {{ $percent }}
    {{- end }}
    {{- end }}
{{- end -}}

{{/* One task's CronJob: posts the event that a PingSource makes. Argument: dict root, task, schedule. */}}
{{- define "relay.cronJob" -}}
{{- $name := printf "%s-%s" (include "relay.base" .root) (.task | replace "_" "-") -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ $name }}
  labels:
    {{- include "relay.labels" (dict "root" .root "component" "cleanup") | nindent 4 }}
  {{- include "relay.annotations" (dict "root" .root) }}
spec:
  schedule: {{ .schedule | quote }}
  timeZone: {{ .timezone }}
  concurrencyPolicy: Forbid
  # A tick that was missed is no loss: the next one works off all that is due.
  startingDeadlineSeconds: 120
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: 3
      activeDeadlineSeconds: 480
      template:
        metadata:
          labels:
            {{- include "relay.podLabels" (dict "root" .root "component" "cron") | nindent 12 }}
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          enableServiceLinks: false
          containers:
            - name: cron
              image: {{ include "relay.image" .root }}
              imagePullPolicy: {{ .root.Values.image.pullPolicy }}
              command: ["python", "-c"]
              args:
                - |
                  {{- .root.Files.Get "files/tick.py" | trim | nindent 18 }}
              env:
                - name: TARGET
                  value: http://{{ include "relay.host" (dict "root" .root "name" "cleanup") }}/
                - name: CE_SOURCE
                  value: /apis/v1/namespaces/{{ .root.Release.Namespace }}/pingsources/{{ $name }}
                - name: CE_TYPE
                  value: dev.knative.sources.ping
                - name: DATA
                  value: {{ dict "task" .task | toJson | quote }}
              resources:
                {{- toYaml .root.Values.migrations.resources | nindent 16 }}
              securityContext:
                {{- include "relay.containerSecurity" . | nindent 16 }}
          {{- include "relay.scheduling" (dict "root" .root "values" .root.Values) | nindent 10 }}
{{- end -}}
