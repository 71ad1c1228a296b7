{{/* The container of Schleuse. A chart that brings Keycloak's pod itself can
     include it there, see README, "In a pod of your own". */}}
{{- define "schleuse.container" -}}
{{- include "schleuse.check" . -}}
name: schleuse
image: {{ include "schleuse.imageOf" (list .Values.image .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - serve
  - --config=/etc/schleuse/schleuse.yaml
  {{- with .Values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: {{ include "schleuse.portOf" .Values.config.listen.address }}
  - name: internal
    containerPort: {{ include "schleuse.portOf" .Values.config.internal }}
startupProbe:
  httpGet: {path: /livez, port: internal}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: internal}
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  httpGet: {path: /readyz, port: internal}
  periodSeconds: 5
  timeoutSeconds: 3
lifecycle:
  preStop:
    # The endpoints forget this pod while it still serves.
    sleep: {seconds: 5}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: schleuse-config
    mountPath: /etc/schleuse
    readOnly: true
  - name: schleuse-secret
    mountPath: /run/secrets/schleuse
    readOnly: true
  - name: schleuse-tmp
    mountPath: /tmp
  {{- if include "schleuse.sqlite" . }}
  - name: schleuse-store
    mountPath: {{ include "schleuse.storeFolder" . }}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes that the container mounts. */}}
{{- define "schleuse.volumes" -}}
- name: schleuse-config
  configMap:
    name: {{ include "schleuse.fullname" . }}
- name: schleuse-secret
  secret:
    secretName: {{ .Values.existingSecret }}
    # The group reads (fsGroup), others do not: the key file is refused otherwise.
    defaultMode: 0440
- name: schleuse-tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if include "schleuse.sqlite" . }}
- name: schleuse-store
  persistentVolumeClaim:
    claimName: {{ default (include "schleuse.fullname" .) .Values.persistence.existingClaim }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Changes with the configuration, so that the pods do. */}}
{{- define "schleuse.checksum" -}}
{{- printf "%s %s" (include "schleuse.config" .) (toJson .Values.files) | sha256sum -}}
{{- end -}}
