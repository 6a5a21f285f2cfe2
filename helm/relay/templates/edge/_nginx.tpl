{{/*
relay.edge.nginxConf: the whole nginx.conf of the edge (docs/images.md, "The edge").

Argument, a dict:
  resolver        the cluster's DNS: an address, or a name that resolves when nginx starts
  port            to listen on, above 1023
  ipv6            (false) whether to listen on IPv6 too
  bodyLimit       the largest request body, in nginx's notation: "32m"
  trustedProxies  list of CIDRs before the edge whose x-forwarded-* is believed; [] = none
  backends        {relay: <host>, keyAdmin: <host>}, whole names that the cluster's DNS knows; each is
                  also the Host that is sent, by which Knative's gateway finds the function
  backendPort     80 for a Knative Service
  timeoutSeconds  of the revisions: how long one answer may take, and the drain
  exposeInternal  whether /internal/* is served

Files the container needs:
  /etc/relay-edge/token.conf  key `edge-token.conf` of Secret <release>-internal, whose content is
      the line `proxy_set_header X-Relay-Edge-Token "<token>";` (or nothing: then no token is sent,
      and the functions do not believe x-forwarded-*). nginx reads no environment, so the secret is
      an include; it is never rendered. A missing file stops the start, by name. A new token is
      taken at the next start.
  /tmp                        writable; everything else may be read-only. Request bodies over
      256 KiB wait there: bodyLimit times the uploads that are under way is what it must hold.

Command, without a shell: ["nginx", "-e", "/dev/stderr", "-g", "daemon off;"], with this file as
/etc/nginx/nginx.conf (or its path after -c).
The stop signal is SIGQUIT (nginx images declare it): open answers end, up to timeoutSeconds.
Runs on nginx 1.22 and later. tests/integration/edge holds what it promises.
*/}}
{{- define "relay.edge.nginxConf" -}}
worker_processes 1;
worker_rlimit_nofile 16384;
worker_shutdown_timeout {{ .timeoutSeconds }}s;
pid /tmp/nginx.pid;
# At `error` nginx writes whole request lines with their query strings, which may hold a key.
# Failures of the functions are in the access log: status, upstream_status.
error_log stderr crit;

events {
    worker_connections 8192;
}

http {
    server_tokens off;
    types {}
    # Empty, so that the edge's own answers can say their type by a variable.
    default_type "";
    client_body_temp_path /tmp/client-body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;

    # ---- The front door's table -----------------------------------------------------------------
    # The same as cli/dev/front_door_routes.py; tests/support/front_door_paths.py holds both to it.
    # The path as written (the request line's) and as read (decoded once) must lead to the same
    # place, and a path that a server further in may read in another way leads nowhere.

    map $request_uri $relay_written {
        default "nowhere";
        # Empty segments and dot segments, encoded or not; a fragment.
        "~*^[^?]*(?:/|%2f)(?:\.|%2e){0,2}(?:/|%2f)" "nowhere";
        "~*^[^?]*(?:/|%2f)(?:\.|%2e){1,2}(?:\?|\z)" "nowhere";
        "~^[^?]*#" "nowhere";
        "~^/health/(?:live|ready)(?:\?|\z)" "edge";
        "~^/v1/usage(?:[/?]|\z)" "key_admin";
        "~^/v1(?:beta)?/" "relay";
{{- if .exposeInternal }}
        "~^/internal/" "key_admin";
{{- end }}
        "~^/(?:admin|auth/|portal)" "key_admin";
        "~^/docs(?:\?|\z)" "key_admin";
    }

    map $uri $relay_read {
        default "nowhere";
        "~*^/(?:metrics|prometheus)" "nowhere";
        # Control characters, the backslash, path parameters, a second encoding, spaces at the end
        # of a segment.
        "~[\x00-\x1f\x7f\x5c;]" "nowhere";
        "~%[0-9a-fA-F]{2}" "nowhere";
        "~/ | /| \z" "nowhere";
        "~^/health/(?:live|ready)\z" "edge";
        "~^/v1/usage(?:/|\z)" "key_admin";
        "~^/v1(?:beta)?/" "relay";
        "~^/internal/" "key_admin";
        "~^/(?:admin|auth/|portal)" "key_admin";
        "~^/docs\z" "key_admin";
    }

    map "$relay_written $relay_read" $relay_route {
        default "nowhere";
        "edge edge" "edge";
        "relay relay" "relay";
        "key_admin key_admin" "key_admin";
    }

    map $relay_route $relay_host {
        default "";
        "relay" "{{ .backends.relay }}";
        "key_admin" "{{ .backends.keyAdmin }}";
    }

    # ---- Who the caller is ----------------------------------------------------------------------

    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
{{- range .trustedProxies }}
    set_real_ip_from {{ . }};
{{- end }}

    geo $realip_remote_addr $relay_trusted {
        default 0;
{{- range .trustedProxies }}
        {{ . }} 1;
{{- end }}
    }

    # The caller first, then the trusted proxy that named it: functions read the first.
    map "$remote_addr $realip_remote_addr" $relay_forwarded_for {
        default "$remote_addr, $realip_remote_addr";
        "~^(?<relay_caller>\S+) \k<relay_caller>\z" "$remote_addr";
    }

    map "$relay_trusted $http_x_forwarded_proto" $relay_forwarded_proto {
        default $scheme;
        "~*^1 https(?:,|\z)" "https";
        "~*^1 http(?:,|\z)" "http";
    }

    map "$relay_trusted $http_x_forwarded_host" $relay_forwarded_host {
        default $http_host;
        "~^1 (?<relay_named_host>[^,\s]+)" $relay_named_host;
    }

    # ---- The edge's own answers, in the form that the caller's SDK parses ------------------------

    # A ULID in form, whose time of 0 says that no function has seen the request.
    map $request_id $relay_edge_id {
        "~^(?<relay_random>.{16})" "0000000000$relay_random";
    }

    # As functions/relay/endpoints.py `dialect_of`.
    map "$request_uri $http_anthropic_version" $relay_dialect {
        default "problem";
        "~^/v1/usage/" "problem";
        "~^/v1/messages" "anthropic";
        "~^/v1(?:beta)?/[^ ]* ." "anthropic";
        "~^/v1(?:beta)?/" "openai";
    }

    map $status $relay_title {
        default "Bad Request";
        404 "Not Found";
        405 "Method Not Allowed";
        408 "Request Timeout";
        411 "Length Required";
        413 "Content Too Large";
        414 "URI Too Long";
        431 "Request Header Fields Too Large";
        500 "Internal Server Error";
        501 "Not Implemented";
        502 "Bad Gateway";
        503 "Service Unavailable";
        504 "Gateway Timeout";
    }

    # Where to look, for a person: not in the dialects, whose answers are relay's own.
    map $status $relay_pointer {
        default "";
        404 " See /docs.";
    }
    map $status $relay_detail {
        default "The request is not valid HTTP.";
        404 "There is nothing at this path.";
        405 "This method is not served.";
        408 "The request did not arrive in time.";
        411 "The request needs a content-length.";
        413 "The request body is larger than {{ regexReplaceAll "(?i)m$" (toString .bodyLimit) " MiB" }}.";
        414 "The request line is too long.";
        431 "The request headers are too large.";
        500 "The edge has failed.";
        501 "This transfer coding is not served.";
        502 "The function cannot be reached, or closed the connection without an answer.";
        503 "The function is not available.";
        504 "The function did not answer in time.";
    }

    map $status $relay_code {
        default "null";
        404 '"unknown_route"';
        405 '"method_not_allowed"';
        413 '"request_too_large"';
        500 '"internal"';
        502 '"bad_gateway"';
        503 '"service_unavailable"';
        504 '"gateway_timeout"';
    }

    map $status $relay_openai_type {
        default "invalid_request_error";
        404 "not_found_error";
        "~^5" "server_error";
    }

    map $status $relay_anthropic_type {
        default "invalid_request_error";
        404 "not_found_error";
        413 "request_too_large";
        504 "timeout_error";
        "~^5" "api_error";
    }

    map $relay_dialect $relay_answer {
        "openai" '{"error":{"message":"$relay_detail","type":"$relay_openai_type","param":null,"code":$relay_code,"request_id":"$relay_edge_id"}}';
        "anthropic" '{"type":"error","error":{"type":"$relay_anthropic_type","message":"$relay_detail"},"request_id":"$relay_edge_id"}';
        default '{"type":"about:blank","title":"$relay_title","status":$status,"detail":"$relay_detail$relay_pointer","error":{"message":"$relay_detail$relay_pointer","type":"$relay_openai_type","code":$relay_code},"request_id":"$relay_edge_id"}';
    }

    map $relay_dialect $relay_answer_type {
        default "application/json";
        "problem" "application/problem+json";
    }

    map $relay_dialect $relay_anthropic_id {
        "anthropic" $relay_edge_id;
    }

    # The official SDKs repeat every 408, 409, 429 and 5xx unless told not to.
    map $status $relay_should_retry {
        "~^4" "false";
    }

    map $status $relay_retry_after {
        "~^50[234]" "1";
    }

    # ---- Log ------------------------------------------------------------------------------------

    # Without the query string.
    map $request_uri $relay_logged_path {
        "~^(?<relay_path>[^?#]*)" $relay_path;
    }

    map "$sent_http_x_request_id" $relay_logged_id {
        default $sent_http_x_request_id;
        "" $relay_edge_id;
    }

    # A caller who leaves before the request is whole has none; JSON knows no 000.
    map $status $relay_logged_status {
        default $status;
        "000" 0;
    }

    log_format relay escape=json
        '{"time":"$time_iso8601","level":"info","function":"edge","event":"request",'
        '"request_id":"$relay_logged_id","method":"$request_method","path":"$relay_logged_path",'
        '"status":$relay_logged_status,"route":"$relay_route","upstream_status":"$upstream_status",'
        '"duration_s":$request_time,"first_byte_s":"$upstream_header_time",'
        '"bytes_in":$request_length,"bytes_out":$bytes_sent,"caller":"$remote_addr"}';

    map $relay_route $relay_logged {
        default 1;
        "edge" 0;
    }

    access_log /dev/stdout relay if=$relay_logged;

    # ---- The server -----------------------------------------------------------------------------

    resolver {{ .resolver }} valid=10s;
    resolver_timeout 5s;

    server {
        listen {{ .port }} default_server backlog=2048;
{{- if .ipv6 }}
        listen [::]:{{ .port }} default_server backlog=2048;
{{- end }}
        server_name _;
        absolute_redirect off;
        # $uri folds them for the table; what is forwarded is the path as written.
        merge_slashes on;
        client_max_body_size {{ .bodyLimit }};
        client_header_timeout 10s;
        client_body_timeout 60s;
        large_client_header_buffers 8 16k;
        keepalive_timeout 75s;
        send_timeout {{ .timeoutSeconds }}s;
        reset_timedout_connection on;
        error_page 400 404 405 408 411 413 414 500 501 502 503 504 /_relay_edge_answer;
        error_page 494 =431 /_relay_edge_answer;

        location / {
            if ($relay_route = "nowhere") {
                return 404;
            }
            if ($relay_route = "edge") {
                rewrite ^ /_relay_edge_health last;
            }
            # With variables the name is resolved at run time: a function may be made, or move,
            # while the edge runs. The price is a connection of its own for each request.
            proxy_pass http://$relay_host:{{ .backendPort }}$request_uri;
            proxy_http_version 1.1;
            # The Service of another function would answer to its own name only.
            proxy_set_header Host $relay_host;
            proxy_set_header Connection "";

            # What says who the caller is: only the edge may say so.
            include /etc/relay-edge/token.conf;
            proxy_set_header X-Forwarded-For $relay_forwarded_for;
            proxy_set_header X-Forwarded-Proto $relay_forwarded_proto;
            proxy_set_header X-Forwarded-Host $relay_forwarded_host;
            proxy_set_header X-Forwarded-By "";
            proxy_set_header X-Forwarded-Client-Cert "";
            proxy_set_header X-Forwarded-Email "";
            proxy_set_header X-Forwarded-Groups "";
            proxy_set_header X-Forwarded-Path "";
            proxy_set_header X-Forwarded-Port "";
            proxy_set_header X-Forwarded-Prefix "";
            proxy_set_header X-Forwarded-Scheme "";
            proxy_set_header X-Forwarded-Server "";
            proxy_set_header X-Forwarded-Ssl "";
            proxy_set_header X-Forwarded-Uri "";
            proxy_set_header X-Forwarded-User "";
            proxy_set_header X-Forwarded-Preferred-Username "";
            proxy_set_header X-Real-IP "";
            proxy_set_header Forwarded "";
            proxy_set_header Via "";
            # Hop by hop (RFC 9110, 7.6.1), on top of what nginx drops by itself.
            proxy_set_header Proxy "";
            proxy_set_header Proxy-Authorization "";
            proxy_set_header Proxy-Connection "";
            proxy_set_header Trailer "";
            # What Knative's data plane believes of the request before a function sees it.
            proxy_set_header Knative-Serving-Namespace "";
            proxy_set_header Knative-Serving-Revision "";
            proxy_set_header Knative-Serving-Tag "";
            proxy_set_header Knative-Serving-Default-Route "";
            proxy_set_header K-Network-Probe "";
            proxy_set_header K-Network-Hash "";
            proxy_set_header K-Kubelet-Probe "";
            proxy_set_header K-Proxy-Request "";

            # Answers go through as they come, each side waiting for the slower one.
            proxy_buffering off;
            # Requests are complete before a function hears of them: a slow upload wakes no pod and
            # counts for no concurrency (the functions read bodies whole anyway), and an answer that
            # comes before the body was read, a 401 say, is not lost to a broken write.
            proxy_request_buffering on;
            client_body_buffer_size 256k;
            proxy_buffer_size 32k;
            proxy_buffers 8 16k;
            proxy_busy_buffers_size 64k;
            # A provider's headers travel in the answer: none of them may steer the edge.
            proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate
                X-Accel-Buffering X-Accel-Charset Expires Cache-Control Set-Cookie Vary;
            proxy_redirect off;
            proxy_connect_timeout 10s;
            proxy_send_timeout {{ .timeoutSeconds }}s;
            proxy_read_timeout {{ .timeoutSeconds }}s;
            # Only what was surely not sent is sent again, to another address of the Service.
            proxy_next_upstream error;
            proxy_next_upstream_tries 2;
        }

        location = /_relay_edge_health {
            internal;
            add_header Content-Type application/json;
            add_header X-Request-Id $relay_edge_id;
            return 200 '{"status": "ok"}';
        }

        location = /_relay_edge_answer {
            internal;
            add_header Content-Type $relay_answer_type always;
            add_header X-Request-Id $relay_edge_id always;
            add_header Request-Id $relay_anthropic_id always;
            add_header X-Should-Retry $relay_should_retry always;
            add_header Retry-After $relay_retry_after always;
            return 200 $relay_answer;
        }
    }
}
{{- end -}}
