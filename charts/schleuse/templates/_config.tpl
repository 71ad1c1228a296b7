{{/* The configuration as it is served: the operator's, and in the sidecar form
     Keycloak's address, which is not theirs to choose. */}}
{{- define "schleuse.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if eq .Values.mode "sidecar" -}}
{{- $url := printf "http://127.0.0.1:%d" (int .Values.keycloak.port) -}}
{{- $_ := mergeOverwrite $config (dict "gate" (dict "keycloak" (dict "url" $url))) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "schleuse.sqlite" -}}
{{- if hasPrefix "sqlite:" .Values.config.store -}}true{{- end -}}
{{- end -}}

{{/* Folder of the SQLite file. */}}
{{- define "schleuse.storeFolder" -}}
{{- dir (trimPrefix "sqlite:" .Values.config.store) -}}
{{- end -}}

{{/* Hosts of all public faces, as JSON. */}}
{{- define "schleuse.hosts" -}}
{{- $urls := list -}}
{{- with .Values.config.gate -}}{{- $urls = append $urls .public_url -}}{{- end -}}
{{- range $_, $site := .Values.config.sites -}}{{- $urls = append $urls $site.public_url -}}{{- end -}}
{{- $hosts := list -}}
{{- range $urls -}}{{- $hosts = append $hosts (urlParse .).hostname -}}{{- end -}}
{{- $hosts | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* Port of an address such as ":8080" or "127.0.0.1:9090". */}}
{{- define "schleuse.portOf" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end -}}

{{/* What cannot work, in words, before the cluster finds out. */}}
{{- define "schleuse.check" -}}
{{- $c := .Values.config -}}
{{- if not .Values.image.repository -}}
{{- fail "\n\nimage.repository is not set. There is no public image: build one with `make image`, push it to your registry and set image.repository (and image.tag) to it." -}}
{{- end -}}
{{- if not .Values.existingSecret -}}
{{- fail "\n\nexistingSecret is not set. Make the keys with `schleuse keys init keys.json`, put them and the other secrets that the configuration names into a Secret, for example\n  kubectl create secret generic schleuse --from-file=keys.json --from-file=keycloak\nand set existingSecret to its name." -}}
{{- end -}}
{{- if not (or $c.gate $c.sites) -}}
{{- fail "\n\nconfig has neither gate nor sites: there is nothing to do. See config/schleuse.yaml for a commented example." -}}
{{- end -}}
{{- $loopback := regexMatch "^(127\\.|localhost:|\\[::1\\]:)" (default ":8080" $c.listen.address) -}}
{{- if $loopback -}}
{{- fail "\n\nconfig.listen.address is on loopback: in a pod nobody could reach it. Leave it at \":8080\"." -}}
{{- end -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\]:)" $c.internal -}}
{{- fail "\n\nconfig.internal is on loopback: the node's probes could not reach it. Leave it at \":9090\"; the Service does not expose it." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not $c.trusted_proxies) -}}
{{- fail "\n\ningress.enabled needs config.trusted_proxies: the networks of the ingress controller's pods, such as [10.0.0.0/8]. Without them every request would seem to come from the controller, and the limits per address would hit everybody at once." -}}
{{- end -}}
{{- if and (not $c.trusted_proxies) (not $c.listen.tls) -}}
{{- fail "\n\nconfig.trusted_proxies is not set, and config.listen.tls neither: somebody must end TLS. Set trusted_proxies to the networks of what stands in front, such as [10.0.0.0/8], or give the certificate in listen.tls." -}}
{{- end -}}
{{- if and (include "schleuse.sqlite" .) (gt (int .Values.replicas) 1) -}}
{{- fail "\n\nreplicas is more than 1 and config.store is SQLite, which serves one process alone. Use PostgreSQL: config.store: postgres://schleuse@db/schleuse?sslmode=verify-full&passfile=/run/secrets/schleuse/pgpass" -}}
{{- end -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if not $c.gate -}}
{{- fail "\n\nmode: sidecar needs config.gate: Keycloak stands behind it." -}}
{{- end -}}
{{- if not .Values.keycloak.image.repository -}}
{{- fail "\n\nmode: sidecar needs keycloak.image.repository." -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.networkPolicy.enabled) -}}
{{- fail "\n\nmode: sidecar with more than one pod needs networkPolicy.enabled: the ports of Keycloak's cluster (7800, 57800) are not on loopback, and only these pods may reach them." -}}
{{- end -}}
{{- $url := dig "keycloak" "url" "" $c.gate -}}
{{- if and $url (ne $url (printf "http://127.0.0.1:%d" (int .Values.keycloak.port))) -}}
{{- fail "\n\nmode: sidecar sets config.gate.keycloak.url itself, to Keycloak on loopback in the same pod. Leave it out." -}}
{{- end -}}
{{- end -}}
{{- end -}}
