{{/* Contradictions that the schema cannot see, each as a sentence that says what to change. */}}

{{- define "relay.validate" -}}
{{- include "relay.validate.names" . -}}
{{- include "relay.validate.stores" . -}}
{{- include "relay.validate.scale" . -}}
{{- include "relay.validate.secrets" . -}}
{{- include "relay.validate.storage" . -}}
{{- include "relay.validate.config" . -}}
{{- include "relay.validate.events" . -}}
{{- include "relay.validate.cluster" . -}}
{{- $_ := include "relay.serviceMonitor" . -}}
{{- end -}}

{{- define "relay.validate.names" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .Release.Name) -}}
{{- fail (printf "the release's name %q becomes the name of a Service: it must begin with a letter and have only lower-case letters, digits and -" .Release.Name) -}}
{{- end -}}
{{- end -}}

{{- define "relay.validate.stores" -}}
{{- $redis := .Values.externalRedis -}}
{{- $address := or $redis.host $redis.nodes -}}
{{- if and .Values.redis.enabled $address -}}
{{- fail "externalRedis.host is given while redis.enabled is true: set redis.enabled=false to use yours, or leave externalRedis.host out" -}}
{{- end -}}
{{- if and (not .Values.redis.enabled) (not $address) -}}
{{- fail "there is no Redis: set redis.enabled=true for one in this release, or externalRedis.host for yours" -}}
{{- end -}}
{{- if and $redis.nodes (eq $redis.mode "standalone") -}}
{{- fail "externalRedis.nodes is given with externalRedis.mode=standalone: set the mode to sentinel or cluster, or give one externalRedis.host" -}}
{{- end -}}
{{- if and (eq $redis.mode "cluster") (ne (int $redis.database) 0) -}}
{{- fail (printf "externalRedis.database is %d with externalRedis.mode=cluster: Redis Cluster has database 0 only" (int $redis.database)) -}}
{{- end -}}
{{- if and $redis.existingSecret (include "relay.text" $redis.password) -}}
{{- fail "externalRedis.password and externalRedis.existingSecret are both given: leave one of them out" -}}
{{- end -}}
{{- if and (or $redis.caSecret $redis.insecureSkipVerify) (not $redis.tls) -}}
{{- fail "externalRedis.caSecret and externalRedis.insecureSkipVerify are for TLS: set externalRedis.tls=true or leave them out" -}}
{{- end -}}
{{- if and (include "relay.text" $redis.username) (not (or $redis.existingSecret (include "relay.text" $redis.password))) -}}
{{- fail "externalRedis.username is given without a password: set externalRedis.password or externalRedis.existingSecret" -}}
{{- end -}}
{{- $database := .Values.externalDatabase -}}
{{- $given := or $database.url $database.host (and $database.existingSecret $database.existingSecretKeys.url) -}}
{{- if and .Values.postgresql.enabled $given -}}
{{- fail "externalDatabase is given while postgresql.enabled is true: set postgresql.enabled=false to use yours, or leave externalDatabase out" -}}
{{- end -}}
{{- if not (or .Values.postgresql.enabled $given) -}}
{{- fail "there is no Postgres: set postgresql.enabled=true for one in this release, or externalDatabase.url, .host or .existingSecret with existingSecretKeys.url for yours" -}}
{{- end -}}
{{- if and $database.url $database.host -}}
{{- fail "externalDatabase.url and externalDatabase.host are both given: leave one of them out" -}}
{{- end -}}
{{- if $database.url -}}
{{- if contains "%" (regexFind ":.*$" (urlParse $database.url).userinfo) -}}
{{- fail "the password in externalDatabase.url is percent-encoded: take it out of the URL and give it as it is, as externalDatabase.password" -}}
{{- end -}}
{{- if and (contains ":" (urlParse $database.url).userinfo) (or $database.existingSecret (include "relay.text" $database.password)) -}}
{{- fail "externalDatabase.url has a password, and externalDatabase.password or .existingSecret gives another: leave one of them out" -}}
{{- end -}}
{{- end -}}
{{- if and $database.existingSecret (include "relay.text" $database.password) -}}
{{- fail "externalDatabase.password and externalDatabase.existingSecret are both given: leave one of them out" -}}
{{- end -}}
{{- if and (hasPrefix "verify-" $database.sslMode) (not $database.caSecret) -}}
{{- fail (printf "externalDatabase.sslMode=%s needs the authority's certificate: externalDatabase.caSecret, a Secret with ca.crt" $database.sslMode) -}}
{{- end -}}
{{- end -}}

{{- define "relay.validate.scale" -}}
{{- $automatic := .Values.autoscaling -}}
{{- if $automatic.enabled -}}
{{- if gt (int $automatic.minReplicas) (int $automatic.maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d)" (int $automatic.minReplicas) (int $automatic.maxReplicas)) -}}
{{- end -}}
{{- $cpu := int $automatic.targetCPUUtilizationPercentage -}}
{{- $memory := int $automatic.targetMemoryUtilizationPercentage -}}
{{- if and $cpu $memory (eq .Values.runtime "knative") -}}
{{- fail "Knative scales by one metric: set autoscaling.targetCPUUtilizationPercentage=0 to scale by memory, or targetMemoryUtilizationPercentage=0 to scale by CPU" -}}
{{- end -}}
{{- if not (or $cpu $memory) -}}
{{- fail "autoscaling.enabled is true without a metric: set autoscaling.targetCPUUtilizationPercentage or targetMemoryUtilizationPercentage" -}}
{{- end -}}
{{- $resource := ternary "cpu" "memory" (gt $cpu 0) -}}
{{- $resources := .Values.resources | default .Values.functions.relay.resources -}}
{{- if not (dig "requests" $resource "" $resources) -}}
{{- fail (printf "autoscaling by %s is in percent of what is requested: set resources.requests.%s (or functions.relay.resources.requests.%s)" $resource $resource $resource) -}}
{{- end -}}
{{- else if gt (int .Values.replicaCount) (int .Values.functions.relay.maxScale) -}}
{{- fail (printf "replicaCount (%d) is more than functions.relay.maxScale (%d)" (int .Values.replicaCount) (int .Values.functions.relay.maxScale)) -}}
{{- end -}}
{{- range $name := list "keyAdmin" "usageAggregation" "cleanup" "notifications" -}}
{{- $own := get $.Values.functions $name -}}
{{- if gt (int $own.minScale) (int $own.maxScale) -}}
{{- fail (printf "functions.%s.minScale (%d) is more than its maxScale (%d)" $name (int $own.minScale) (int $own.maxScale)) -}}
{{- end -}}
{{- end -}}
{{- if gt (int .Values.pii.minScale) (int .Values.pii.maxScale) -}}
{{- fail (printf "pii.minScale (%d) is more than its maxScale (%d)" (int .Values.pii.minScale) (int .Values.pii.maxScale)) -}}
{{- end -}}
{{- end -}}

{{- define "relay.validate.secrets" -}}
{{- range $value, $_ := include "relay.providerVariables" . | fromYaml -}}
{{- if include "relay.text" (get $.Values.secrets $value) -}}
{{- if not $.Values.secrets.create -}}
{{- fail (printf "secrets.%s is given, but secrets.create is false, so it would not be kept: put it into the Secret of secrets.existingSecret, or set secrets.create=true" $value) -}}
{{- end -}}
{{- if $.Values.secrets.existingSecret -}}
{{- fail (printf "secrets.%s and secrets.existingSecret are both given: leave one of them out" $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* relay would not start; what is in an existing Secret cannot be seen here. */ -}}
{{- range $value, $needs := dict "azureOpenaiApiKey" "azureOpenaiEndpoint" "bedrockApiKey" "awsRegion" "awsAccessKeyId" "awsRegion" -}}
{{- if and (include "relay.text" (get $.Values.secrets $value)) (not (include "relay.text" (get $.Values.secrets $needs))) -}}
{{- fail (printf "secrets.%s is given without secrets.%s: set that, too" $value $needs) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.secrets.existingMasterKeySecret (include "relay.text" .Values.secrets.masterKey) -}}
{{- fail "secrets.masterKey and secrets.existingMasterKeySecret are both given: leave one of them out" -}}
{{- end -}}
{{- /* As cli/kubernetes/release_secrets.py, which would say so only in the Job. */ -}}
{{- range $path, $least := dict "secrets.masterKey" 16 "secrets.internalSecret" 32 "config.encryptionKey" 8 "config.adminPassword" 8 -}}
{{- $parts := splitList "." $path -}}
{{- $text := include "relay.text" (get (get $.Values (first $parts)) (last $parts)) -}}
{{- if and $text (lt (len $text) $least) -}}
{{- fail (printf "%s has %d characters: it needs at least %d, or leave it out to have one made" $path (len $text) $least) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "relay.validate.storage" -}}
{{- $logs := .Values.storage.logs -}}
{{- if eq $logs.mode "pvc" -}}
{{- if not (or $logs.persistence.enabled $logs.persistence.existingClaim) -}}
{{- fail "storage.logs.mode is pvc: set storage.logs.persistence.enabled=true to have a claim made, or storage.logs.persistence.existingClaim" -}}
{{- end -}}
{{- if hasPrefix "ReadWriteOnce" $logs.persistence.accessMode -}}
{{- $relayMax := ternary .Values.autoscaling.maxReplicas .Values.functions.relay.maxScale .Values.autoscaling.enabled -}}
{{- $others := list -}}
{{- range $name := list "keyAdmin" "usageAggregation" "cleanup" "notifications" -}}
{{- if gt (int (get $.Values.functions $name).maxScale) 1 }}{{ $others = append $others (printf "functions.%s" $name) }}{{ end -}}
{{- end -}}
{{- if or (gt (int $relayMax) 1) $others -}}
{{- fail (printf "storage.logs.persistence.accessMode is %s, and several pods write to the claim: use ReadWriteMany (a storage class that has it), another storage.logs.mode, or a maxScale of 1 for every function" $logs.persistence.accessMode) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $logs.mode "forward") $logs.fluentbit.enabled (not (or (hasKey $logs.fluentbit.output.config "Host") (hasKey $logs.fluentbit.output.config "Upstream"))) -}}
{{- fail "storage.logs.mode is forward: say where to, e.g. storage.logs.fluentbit.output.config.Host=fluentd.logging.svc" -}}
{{- end -}}
{{- end -}}

{{- define "relay.validate.config" -}}
{{- $port := int .Values.config.port -}}
{{- if has $port (list 8008 8012 8013 8022 9090 9091 9464) -}}
{{- fail (printf "config.port is %d, which Knative's queue-proxy (8008, 8012, 8013, 8022, 9090, 9091) or the metrics (9464) use: take another, e.g. 3000" $port) -}}
{{- end -}}
{{- if regexMatch "^([1-5]?[0-9]|6[0-3])[kK]$" .Values.config.logMaxSize -}}
{{- fail (printf "config.logMaxSize is %s: a file is rotated at 64k at the least" .Values.config.logMaxSize) -}}
{{- end -}}
{{- $ledger := int (include "relay.ledgerDays" .) -}}
{{- $sums := int .Values.config.rollupRetentionDays -}}
{{- if and $sums (or (eq $ledger 0) (lt $sums (add $ledger 31 | int))) -}}
{{- fail (printf "config.rollupRetentionDays is %d while config.tokenUsageRetention keeps rows for %s: sums would end before the rows that they are made of; set it to 0 (for ever)%s" $sums (ternary "ever" (printf "%d days" $ledger) (eq $ledger 0)) (ternary "" (printf ", or to at least %d" (add $ledger 31)) (eq $ledger 0))) -}}
{{- end -}}
{{- $interval := int64 .Values.config.cleanupInterval -}}
{{- $legal := list 600000 720000 900000 1200000 1800000 3600000 7200000 10800000 14400000 21600000 28800000 43200000 86400000 -}}
{{- $said := false -}}
{{- range $legal }}{{ if eq (int64 .) $interval }}{{ $said = true }}{{ end }}{{ end -}}
{{- if not $said -}}
{{- $below := 600000 -}}
{{- $above := 86400000 -}}
{{- range $legal -}}
{{- if le (int64 .) $interval }}{{ $below = . }}{{ end -}}
{{- end -}}
{{- range reverse $legal -}}
{{- if ge (int64 .) $interval }}{{ $above = . }}{{ end -}}
{{- end -}}
{{- fail (printf "config.cleanupInterval is %d ms, which cron cannot say (every tick wakes a pod, so ten minutes are the least): the nearest that it can: %s" $interval (list (int64 $below) (int64 $above) | uniq | join " and ")) -}}
{{- end -}}
{{- end -}}

{{- define "relay.validate.events" -}}
{{- $class := .Values.broker.class -}}
{{- if eq .Values.runtime "knative" -}}
{{- if and $class (not (has $class (list "MTChannelBasedBroker" "Kafka" "KafkaNamespaced" "RabbitMQBroker"))) (not .Values.broker.sinkUrl) (not .Values.broker.sinkBinding) -}}
{{- fail (printf "broker.class is %s, whose address is not known here: set broker.sinkUrl to what `kubectl get broker %s -o jsonpath='{.status.address.url}'` prints, or broker.sinkBinding=true" $class (include "relay.base" .)) -}}
{{- end -}}
{{- if and .Values.broker.sinkBinding .Values.broker.sinkUrl -}}
{{- fail "broker.sinkUrl and broker.sinkBinding are both given: leave one of them out" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Only where a cluster answers: a renderer without one knows no resource definitions. */}}
{{- define "relay.validate.cluster" -}}
{{- if and (eq .Values.runtime "knative") (lookup "v1" "Namespace" "" "kube-system") -}}
{{- range $api, $what := dict "serving.knative.dev/v1" "Serving" "eventing.knative.dev/v1" "Eventing" -}}
{{- if not ($.Capabilities.APIVersions.Has $api) -}}
{{- fail (printf "this cluster has no Knative %s (%s): install it, or set runtime=kubernetes to run Relay without Knative" $what $api) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
