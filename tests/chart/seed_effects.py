"""What each value of the seed documents does: values that are set, and where their effect shows."""

import base64
from collections.abc import Callable
from typing import Any

from tests.support.chart import Object, environment, knative_service, one, pod_spec

Effect = Callable[[list[Object]], Any]


def given(name: str) -> Effect:
    """What `ensure-secrets` is given."""
    return lambda objects: base64.b64decode(one(objects, "Secret", "relay-given")["data"][name])


def variable(name: str, function: str = "relay") -> Effect:
    return lambda objects: environment(knative_service(objects, f"relay-{function}")).get(name)


def scaling(name: str) -> Effect:
    def read(objects: list[Object]) -> Any:
        template = knative_service(objects, "relay-relay")["spec"]["template"]
        return template["metadata"]["annotations"].get(f"autoscaling.knative.dev/{name}")

    return read


def at(kind: str, name: str, *path: str | int) -> Effect:
    """A place in an object."""

    def read(objects: list[Object]) -> Any:
        place: Any = one(objects, kind, name)
        for member in path:
            place = place[member]
        return place

    return read


def container(function: str, *path: str | int, index: int = 0) -> Effect:
    def read(objects: list[Object]) -> Any:
        place: Any = pod_spec(knative_service(objects, f"relay-{function}"))["containers"][index]
        for member in path:
            place = place[member]
        return place

    return read


def there(kind: str, name: str) -> Effect:
    return lambda objects: any(
        (written["kind"], written["metadata"]["name"]) == (kind, name) for written in objects
    )


def fluent_bit(line: str) -> Effect:
    def read(objects: list[Object]) -> bool:
        written = one(objects, "ConfigMap", "relay-fluent-bit-config")["data"]["fluent-bit.conf"]
        return " ".join(line.split()) in [" ".join(one.split()) for one in written.splitlines()]

    return read


def provider_secret(function: str = "relay") -> Effect:
    def read(objects: list[Object]) -> Any:
        found = variable("OPENAI_API_KEY", function)(objects)
        return found and found["secretKeyRef"]["name"]

    return read


REDIS = ("StatefulSet", "relay-redis", "spec")
REDIS_POD = (*REDIS, "template", "spec", "containers", 0)
CLAIM = (*REDIS, "volumeClaimTemplates", 0, "spec", "resources", "requests", "storage")
ENDPOINT = ("ServiceMonitor", "relay", "spec", "endpoints", 0)
INGRESS = ("Ingress", "relay")
MONITOR = ("ServiceMonitor", "relay")
STORAGE = ("spec", "resources", "requests", "storage")
DATA, LOGS = (
    ("PersistentVolumeClaim", "relay-external-data"),
    ("PersistentVolumeClaim", "relay-logs"),
)

# Value sets that do not disturb each other; one render each.
SCENES: dict[str, dict[str, Any]] = {
    "config": {
        "image": {"repository": "r.example/relay", "tag": 1.5, "pullPolicy": "Always"},
        "replicaCount": 3,
        "service": {"type": "NodePort", "port": 8080},
        "config": {
            "nodeEnv": "staging",
            "port": 3001,
            "host": "::",
            "jwtSecret": 1234567890123,
            "encryptionKey": "e" * 32,
            "adminSessionTimeout": 3600000,
            "adminUsername": "root",
            "adminPassword": 123456789,
            "apiKeyPrefix": "sk_",
            "logLevel": "warn",
            "logMaxSize": "5m",
            "logMaxFiles": 2,
            "cleanupInterval": 1800000,
            "rateLimitCleanupInterval": 60,
            "defaultTokenLimit": 2000,
            "tokenUsageRetention": 86400001,
            "timezoneOffset": -5,
        },
        "redis": {
            "auth": {"password": 12345678901},
            "persistence": {"size": "3Gi"},
            "resources": {
                "limits": {"cpu": "1", "memory": "2Gi"},
                "requests": {"cpu": "300m", "memory": "512Mi"},
            },
        },
        "postgresql": {"persistence": {"size": "30Gi"}},
        "resources": {"requests": {"memory": "300Mi"}},
        "pii": {"enabled": True, "resources": {"requests": {"memory": "2Gi"}}},
        "secrets": {"openaiApiKey": "sk-1"},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"a": "b"},
            "hosts": [{"host": "h.example"}],
            "tls": [{"secretName": "t", "hosts": ["h.example"]}],
        },
        "serviceMonitor": {
            "enabled": True,
            "namespace": "m",
            "labels": {"l": "v"},
            "annotations": {"a": "v"},
            "path": "/x",
            "port": "web",
            "interval": "1m",
            "scrapeTimeout": "9s",
            "relabelings": [{"action": "labeldrop", "regex": "x"}],
            "metricRelabelings": [{"action": "drop", "regex": "y"}],
            "namespaceSelector": {"any": True},
        },
    },
    "external redis": {
        "redis": {"enabled": False},
        "externalRedis": {
            "host": "r.example",
            "port": 6380,
            "password": "p",
            "database": 4,
            "tls": True,
        },
        "secrets": {"create": False},
        "prometheus": {"serviceMonitor": {"enabled": True}},
    },
    "redis without": {
        "redis": {"auth": {"enabled": False}, "persistence": {"enabled": False}},
        "secrets": {"existingSecret": "mine", "existingMasterKeySecret": "master"},
        "autoscaling": {
            "enabled": True,
            "minReplicas": 2,
            "maxReplicas": 9,
            "targetCPUUtilizationPercentage": 55,
        },
    },
    "by memory": {
        "autoscaling": {
            "enabled": True,
            "targetCPUUtilizationPercentage": 0,
            "targetMemoryUtilizationPercentage": 50,
        },
    },
    "sidecar": {
        "storage": {
            "logs": {
                "mode": "fluentbit",
                "fluentbit": {
                    "image": {"repository": "r/fb", "tag": 3, "pullPolicy": "Always"},
                    "resources": {
                        "limits": {"cpu": "200m", "memory": "64Mi"},
                        "requests": {"cpu": "20m", "memory": "32Mi"},
                    },
                    "output": {"type": "loki", "config": {"Port": 3100, "Tls": True}},
                },
            },
        },
    },
    "no sidecar": {"storage": {"logs": {"mode": "fluentbit", "fluentbit": {"enabled": False}}}},
    "claims": {
        "storage": {
            "data": {
                "type": "emptyDir",
                "external": {
                    "enabled": True,
                    "storageClass": "fast",
                    "size": "2Gi",
                    "accessMode": "ReadOnlyMany",
                },
            },
            "logs": {
                "mode": "pvc",
                "persistence": {"enabled": True, "storageClass": "shared", "size": "11Gi"},
            },
        },
    },
}

# Value → scene, where its effect shows, what shows there.
EFFECTS: dict[str, tuple[str, Effect, Any]] = {
    "replicaCount": ("config", scaling("min-scale"), "3"),
    "image.repository": ("config", container("cleanup", "image"), "r.example/relay:1.5"),
    "image.tag": ("config", container("relay", "image"), "r.example/relay:1.5"),
    "image.pullPolicy": ("config", container("relay", "imagePullPolicy"), "Always"),
    "service.type": ("config", at("Service", "relay", "spec", "type"), "NodePort"),
    "service.port": (
        *("config", at("Service", "relay", "spec", "ports")),
        [{"name": "http", "port": 8080, "targetPort": "http"}],
    ),
    "ingress.enabled": ("config", there(*INGRESS), True),
    "ingress.className": ("config", at(*INGRESS, "spec", "ingressClassName"), "nginx"),
    "ingress.annotations": ("config", at(*INGRESS, "metadata", "annotations", "a"), "b"),
    "ingress.hosts": ("config", at(*INGRESS, "spec", "rules", 0, "host"), "h.example"),
    "ingress.tls": (
        *("config", at(*INGRESS, "spec", "tls")),
        [{"secretName": "t", "hosts": ["h.example"]}],
    ),
    "autoscaling.enabled": ("redis without", scaling("class"), "hpa.autoscaling.knative.dev"),
    "autoscaling.minReplicas": ("redis without", scaling("min-scale"), "2"),
    "autoscaling.maxReplicas": ("redis without", scaling("max-scale"), "9"),
    "autoscaling.targetCPUUtilizationPercentage": ("redis without", scaling("target"), "55"),
    # Half of 128 MiB.
    "autoscaling.targetMemoryUtilizationPercentage": ("by memory", scaling("target"), "64"),
    "redis.enabled": ("external redis", there("StatefulSet", "relay-redis"), False),
    "redis.auth.enabled": ("redis without", variable("RELAY_REDIS_PASSWORD"), None),
    "redis.auth.password": ("config", given("redisPassword"), b"12345678901"),
    "redis.persistence.enabled": (
        "redis without",
        at(*REDIS, "template", "spec", "volumes", 0, "emptyDir"),
        {},
    ),
    "redis.persistence.size": ("config", at(*CLAIM), "3Gi"),
    "redis.resources.limits.cpu": ("config", at(*REDIS_POD, "resources", "limits", "cpu"), "1"),
    "redis.resources.limits.memory": (
        *("config", at(*REDIS_POD, "resources", "limits", "memory"), "2Gi"),
    ),
    "redis.resources.requests.cpu": (
        *("config", at(*REDIS_POD, "resources", "requests", "cpu"), "300m"),
    ),
    "redis.resources.requests.memory": (
        *("config", at(*REDIS_POD, "resources", "requests", "memory"), "512Mi"),
    ),
    **{
        f"externalRedis.{name}": (
            *("external redis", variable("RELAY_REDIS_URL"), "rediss://r.example:6380/4"),
        )
        for name in ("host", "port", "database", "tls")
    },
    "externalRedis.password": (
        *("external redis", at("Secret", "relay-external", "data", "REDIS_PASSWORD"), "cA=="),
    ),
    "config.nodeEnv": ("config", variable("RELAY_ENVIRONMENT", "key-admin"), "staging"),
    "config.port": ("config", container("relay", "ports"), [{"containerPort": 3001}]),
    "config.host": ("config", variable("RELAY_HOST"), "::"),
    "config.jwtSecret": ("config", given("jwtSecret"), b"1234567890123"),
    "config.encryptionKey": ("config", given("encryptionKey"), b"e" * 32),
    "config.adminSessionTimeout": (
        *("config", variable("RELAY_ADMIN_SESSION_TIMEOUT_MS", "key-admin"), "3600000"),
    ),
    "config.adminUsername": ("config", given("adminUsername"), b"root"),
    "config.adminPassword": ("config", given("adminPassword"), b"123456789"),
    "config.apiKeyPrefix": ("config", variable("RELAY_API_KEY_PREFIX", "key-admin"), "sk_"),
    "config.logLevel": ("config", variable("RELAY_LOG_LEVEL"), "warning"),
    "config.logMaxSize": ("config", variable("RELAY_LOG_MAX_SIZE"), "5m"),
    "config.logMaxFiles": ("config", variable("RELAY_LOG_MAX_FILES"), "2"),
    "config.cleanupInterval": (
        *("config", at("PingSource", "relay-key-expiry", "spec", "schedule"), "*/30 * * * *"),
    ),
    "config.rateLimitCleanupInterval": (
        *("config", variable("RELAY_SWEEP_INTERVAL_S", "usage-aggregation"), "60"),
    ),
    "config.tokenUsageRetention": (
        *("config", variable("RELAY_LEDGER_RETENTION_DAYS", "cleanup"), "2"),
    ),
    "config.defaultTokenLimit": ("config", variable("RELAY_DEFAULT_TOKEN_LIMIT"), "2000"),
    "config.timezoneOffset": (
        *("config", at("PingSource", "relay-retention", "spec", "timezone"), "Etc/GMT+5"),
    ),
    "serviceMonitor.enabled": ("config", there(*MONITOR), True),
    "serviceMonitor.namespace": ("config", at(*MONITOR, "metadata", "namespace"), "m"),
    "serviceMonitor.labels": ("config", at(*MONITOR, "metadata", "labels", "l"), "v"),
    "serviceMonitor.annotations": ("config", at(*MONITOR, "metadata", "annotations"), {"a": "v"}),
    "serviceMonitor.path": ("config", at(*ENDPOINT, "path"), "/x"),
    "serviceMonitor.port": (
        *("config", at("Service", "relay-relay-metrics", "spec", "ports", 0, "name"), "web"),
    ),
    "serviceMonitor.interval": ("config", at(*ENDPOINT, "interval"), "1m"),
    "serviceMonitor.scrapeTimeout": ("config", at(*ENDPOINT, "scrapeTimeout"), "9s"),
    "serviceMonitor.relabelings": (
        *("config", at(*ENDPOINT, "relabelings"), [{"action": "labeldrop", "regex": "x"}]),
    ),
    "serviceMonitor.metricRelabelings": (
        *("config", at(*ENDPOINT, "metricRelabelings"), [{"action": "drop", "regex": "y"}]),
    ),
    "serviceMonitor.namespaceSelector": (
        *("config", at(*MONITOR, "spec", "namespaceSelector"), {"any": True}),
    ),
    "prometheus.serviceMonitor.enabled": ("external redis", there(*MONITOR), True),
    "storage.data.type": (
        "claims",
        lambda objects: pod_spec(knative_service(objects, "relay-relay"))["volumes"][0],
        {"name": "scratch", "emptyDir": {}},
    ),
    "storage.data.external.enabled": (
        "claims",
        lambda objects: pod_spec(knative_service(objects, "relay-relay"))["volumes"][2],
        {
            "name": "external-data",
            "persistentVolumeClaim": {"claimName": "relay-external-data", "readOnly": True},
        },
    ),
    "storage.data.external.storageClass": (
        *("claims", at(*DATA, "spec", "storageClassName"), "fast"),
    ),
    "storage.data.external.size": ("claims", at(*DATA, *STORAGE), "2Gi"),
    "storage.data.external.accessMode": (
        *("claims", at(*DATA, "spec", "accessModes"), ["ReadOnlyMany"]),
    ),
    "storage.logs.mode": (
        "claims",
        lambda objects: pod_spec(knative_service(objects, "relay-relay"))["volumes"][1],
        {"name": "logs", "persistentVolumeClaim": {"claimName": "relay-logs"}},
    ),
    "storage.logs.fluentbit.enabled": (
        "no sidecar",
        lambda objects: len(pod_spec(knative_service(objects, "relay-relay"))["containers"]),
        1,
    ),
    **{
        f"storage.logs.fluentbit.image.{name}": (
            *("sidecar", container("relay", "image", index=1), "r/fb:3"),
        )
        for name in ("repository", "tag")
    },
    "storage.logs.fluentbit.image.pullPolicy": (
        *("sidecar", container("relay", "imagePullPolicy", index=1), "Always"),
    ),
    **{
        f"storage.logs.fluentbit.resources.{kind}.{name}": (
            *("sidecar", container("relay", "resources", kind, name, index=1), value),
        )
        for kind, name, value in (
            ("limits", "cpu", "200m"),
            ("limits", "memory", "64Mi"),
            ("requests", "cpu", "20m"),
            ("requests", "memory", "32Mi"),
        )
    },
    "storage.logs.fluentbit.output.type": ("sidecar", fluent_bit("Name loki"), True),
    "storage.logs.fluentbit.output.config": ("sidecar", fluent_bit("Port 3100"), True),
    "storage.logs.persistence.enabled": ("claims", there(*LOGS), True),
    "storage.logs.persistence.storageClass": (
        *("claims", at(*LOGS, "spec", "storageClassName"), "shared"),
    ),
    "storage.logs.persistence.accessMode": (
        *("claims", at(*LOGS, "spec", "accessModes"), ["ReadWriteMany"]),
    ),
    "storage.logs.persistence.size": ("claims", at(*LOGS, *STORAGE), "11Gi"),
    "secrets.openaiApiKey": (
        *("config", at("Secret", "relay-llm-proxy", "data", "OPENAI_API_KEY"), "c2stMQ=="),
    ),
    "secrets.create": ("external redis", provider_secret(), None),
    "secrets.existingSecret": ("redis without", provider_secret(), "mine"),
    "secrets.existingMasterKeySecret": (
        "redis without",
        lambda objects: variable("PROXY_MASTER_KEY", "key-admin")(objects)["secretKeyRef"]["name"],
        "master",
    ),
    "resources.requests.memory": (
        *("config", container("cleanup", "resources", "requests", "memory"), "300Mi"),
    ),
    "pii.resources.requests.memory": (
        *("config", container("pii", "resources", "requests", "memory"), "2Gi"),
    ),
    "postgresql.persistence.size": (
        "config",
        at("StatefulSet", "relay-postgresql", *CLAIM[2:]),
        "30Gi",
    ),
}
# Checked by the schema, and taken: what they are for comes later, or never.
TAKEN = {
    "config.healthCheckInterval": 30000,
    "persistence.chroma.size": "20Gi",
    "persistence.knowledgeBase.size": "20Gi",
}
