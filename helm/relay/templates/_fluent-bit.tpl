{{/* The sidecar that sends what functions write to /app/logs. */}}

{{- define "relay.fluentBitEnabled" -}}
{{- if and (has .Values.storage.logs.mode (list "fluentbit" "forward")) .Values.storage.logs.fluentbit.enabled }}yes{{ end -}}
{{- end -}}

{{- define "relay.fluentBitContainer" -}}
{{- $values := .Values.storage.logs.fluentbit -}}
- name: fluent-bit
  image: {{ include "relay.imageName" $values.image }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  command: ["/fluent-bit/bin/fluent-bit", "-c", "/etc/relay/fluent-bit/fluent-bit.conf"]
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    {{- include "relay.containerSecurity" . | nindent 4 }}
    # The image's own user is root.
    runAsUser: 65534
  volumeMounts:
    - name: logs
      mountPath: /app/logs
      readOnly: true
    - name: fluent-bit
      mountPath: /etc/relay/fluent-bit
      readOnly: true
{{- end -}}

{{- define "relay.fluentBitConfig" -}}
{{- $output := .Values.storage.logs.fluentbit.output -}}
[SERVICE]
    Flush         1
    # The tail of a pod's log: as long as the pod's end allows.
    Grace         10
    Log_Level     warn
    HTTP_Server   Off
    Parsers_File  parsers.conf

[INPUT]
    Name              tail
    Path              /app/logs/*.log
    Parser            relay
    Tag               relay.*
    Read_from_Head    On
    Refresh_Interval  1
    Skip_Long_Lines   On

[OUTPUT]
    Name   {{ ternary "forward" $output.type (eq .Values.storage.logs.mode "forward") }}
    Match  *
    {{- range $key, $value := $output.config }}
    {{ $key }}  {{ include "relay.text" $value }}
    {{- end }}
{{- end -}}
