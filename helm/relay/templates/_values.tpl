{{/* Values: completed, and turned into text. */}}

{{/* Fills in what a release with `--reuse-values` lacks: Helm then takes the older chart's defaults
for this chart's. Every template begins with it; `.Values` is one map for all of them. */}}
{{- define "relay.complete" -}}
{{- include "relay.fill" (dict "values" .Values "defaults" (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end -}}

{{- define "relay.fill" -}}
{{- range $key, $default := .defaults -}}
{{- if not (hasKey $.values $key) -}}
{{- $_ := set $.values $key $default -}}
{{- else if and (kindIs "map" $default) (kindIs "map" (get $.values $key)) -}}
{{- include "relay.fill" (dict "values" (get $.values $key) "defaults" $default) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A string, number or boolean as text. Numbers of a file are floats: 2592000000 would be 2.592e+09. */}}
{{- define "relay.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}
{{ printf "%.0f" . }}
{{- else if kindIs "invalid" . -}}
{{- else -}}
{{ toString . }}
{{- end -}}
{{- end -}}

{{/* A map of such, every value quoted. */}}
{{- define "relay.texts" -}}
{{- $texts := dict -}}
{{- range $key, $value := . -}}
{{- $_ := set $texts $key (include "relay.text" $value) -}}
{{- end -}}
{{ toYaml $texts }}
{{- end -}}

{{/* `repository:tag@digest` of an image's values. */}}
{{- define "relay.imageName" -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest | quote }}
{{- else -}}
{{ printf "%s:%s" .repository (include "relay.text" .tag) | quote }}
{{- end -}}
{{- end -}}

{{/* The image of functions, Jobs and tests. */}}
{{- define "relay.image" -}}
{{- $tag := include "relay.text" .Values.image.tag | default .Chart.AppVersion -}}
{{ include "relay.imageName" (dict "repository" .Values.image.repository "tag" $tag "digest" .Values.image.digest) }}
{{- end -}}

{{/* The image of `pii`, beside that of all others. */}}
{{- define "relay.piiImage" -}}
{{- $own := .Values.pii.image -}}
{{- $tag := include "relay.text" $own.tag | default (include "relay.text" .Values.image.tag) | default .Chart.AppVersion -}}
{{ include "relay.imageName" (dict "repository" ($own.repository | default (printf "%s-pii" .Values.image.repository)) "tag" $tag "digest" $own.digest) }}
{{- end -}}

{{/* MiB of a quantity of memory such as 128Mi, 1Gi, 500M or 134217728. */}}
{{- define "relay.mebibytes" -}}
{{- $text := include "relay.text" . -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- $bytes := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 -}}
{{ printf "%.0f" (floor (divf (mulf $number (get $bytes $unit)) 1048576.0)) }}
{{- end -}}

{{/* The time zone of daily tasks. `Etc/GMT-8` is eight hours east of Greenwich (POSIX). */}}
{{- define "relay.timezone" -}}
{{- $offset := int .Values.config.timezoneOffset -}}
{{- if .Values.config.timezone -}}
{{ .Values.config.timezone }}
{{- else if eq $offset 0 -}}
Etc/UTC
{{- else -}}
Etc/GMT{{ printf "%+d" (sub 0 $offset) }}
{{- end -}}
{{- end -}}

{{/* The values of the ServiceMonitor, with those of `prometheus.serviceMonitor`. A value that was
given by both names, differently, fails. */}}
{{- define "relay.serviceMonitor" -}}
{{- $defaults := (.Files.Get "files/defaults.yaml" | fromYaml).serviceMonitor -}}
{{- $result := deepCopy .Values.serviceMonitor -}}
{{- range $key, $other := .Values.prometheus.serviceMonitor -}}
{{- $own := get $.Values.serviceMonitor $key -}}
{{- if and (ne (toJson $own) (toJson (get $defaults $key))) (ne (toJson $own) (toJson $other)) -}}
{{- fail (printf "serviceMonitor.%s is %s and prometheus.serviceMonitor.%s is %s: they are two names of one value, give one of them" $key (toJson $own) $key (toJson $other)) -}}
{{- end -}}
{{- $_ := set $result $key $other -}}
{{- end -}}
{{ toYaml $result }}
{{- end -}}
