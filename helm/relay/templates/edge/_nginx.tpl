{{/* nginx.conf of the edge. Argument: dict namespace, clusterDomain, resolver, port, bodyLimit,
trustedProxies, backends (relay, keyAdmin: hosts), backendPort, timeoutSeconds, exposeInternal. */}}
{{- define "relay.edge.nginxConf" -}}
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  resolver {{ .resolver }} valid=10s;
  client_max_body_size {{ .bodyLimit }};
  server {
    listen {{ .port }};
    include /etc/relay-edge/token.conf;
    location = /health/live { return 200; }
    location = /health/ready { return 200; }
    location /v1/ {
      set $backend {{ .backends.relay }};
      proxy_pass http://$backend:{{ .backendPort }};
      proxy_set_header Host $backend;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout {{ .timeoutSeconds }}s;
    }
    location / { return 404; }
  }
}
{{- end -}}
