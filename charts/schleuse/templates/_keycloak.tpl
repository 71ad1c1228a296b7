{{/* Keycloak beside Schleuse: on loopback, so that the pod's network reaches
     the gate alone. The probes run in the container for the same reason. */}}
{{- define "schleuse.keycloak" -}}
{{- $k := .Values.keycloak -}}
{{- $public := urlParse .Values.config.gate.public_url -}}
name: keycloak
image: {{ include "schleuse.imageOf" (list $k.image "") | quote }}
imagePullPolicy: {{ $k.image.pullPolicy }}
args:
  {{- toYaml $k.args | nindent 2 }}
env:
  {{- with $k.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  # Last, and so not to be overwritten by what stands before.
  - {name: KC_HTTP_ENABLED, value: "true"}
  - {name: KC_HTTP_HOST, value: 127.0.0.1}
  - {name: KC_HTTP_PORT, value: {{ $k.port | quote }}}
  - {name: KC_HTTP_RELATIVE_PATH, value: {{ default "/" $public.path | quote }}}
  - {name: KC_HTTP_MANAGEMENT_HOST, value: 127.0.0.1}
  - {name: KC_HTTP_MANAGEMENT_PORT, value: {{ $k.managementPort | quote }}}
  - {name: KC_HTTP_MANAGEMENT_RELATIVE_PATH, value: /}
  - {name: KC_HEALTH_ENABLED, value: "true"}
  - {name: KC_HOSTNAME, value: {{ .Values.config.gate.public_url | quote }}}
  - {name: KC_PROXY_HEADERS, value: xforwarded}
  {{- if le (int .Values.replicas) 1 }}
  # Alone it needs no cluster, whose ports would not be on loopback.
  - {name: KC_CACHE, value: local}
  {{- end }}
{{- with $k.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
startupProbe:
  {{- include "schleuse.keycloakProbe" (list $k.managementPort "started") | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  {{- include "schleuse.keycloakProbe" (list $k.managementPort "live") | nindent 2 }}
  periodSeconds: 15
  timeoutSeconds: 5
readinessProbe:
  {{- include "schleuse.keycloakProbe" (list $k.managementPort "ready") | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $k.runAsUser }}
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
resources:
  {{- toYaml $k.resources | nindent 2 }}
{{- with $k.extraVolumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "schleuse.keycloakProbe" -}}
exec:
  command:
    - /bin/bash
    - -c
    - >-
      exec 3<>/dev/tcp/127.0.0.1/{{ first . }} && printf 'GET /health/{{ last . }} HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && read -r _ status _ <&3 && [ "$status" = 200 ]
{{- end -}}
