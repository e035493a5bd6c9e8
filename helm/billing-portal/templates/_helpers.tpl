{{- define "billing-portal.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "billing-portal.selector" -}}
app.kubernetes.io/name: billing-portal
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "billing-portal.labels" -}}
{{ include "billing-portal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* YAML reads an unquoted on or off as true or false. */ -}}
{{- define "billing-portal.traffic" -}}
{{- $traffic := .Values.mesh.traffic | toString -}}
{{- if eq $traffic "true" }}on{{ else if eq $traffic "false" }}off{{ else }}{{ $traffic }}{{ end -}}
{{- end -}}

{{- define "billing-portal.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "billing-portal.host" -}}
{{ include "billing-portal.name" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{- /* The caller as the mesh names it to the service. */ -}}
{{- define "billing-portal.caller" -}}
{{- $caller := .Values.mesh.caller -}}
{{- if eq .Values.mesh.provider "istio" -}}
spiffe://{{ .Values.mesh.trustDomain }}/ns/{{ $caller.namespace }}/sa/{{ $caller.serviceAccount }}
{{- else -}}
{{ $caller.serviceAccount }}.{{ $caller.namespace }}.serviceaccount.identity.linkerd.{{ .Values.mesh.trustDomain }}
{{- end -}}
{{- end -}}

{{- define "billing-portal.smoke.namespace" -}}
{{ .Values.mesh.smoke.namespace | default .Release.Namespace }}
{{- end -}}
{{- define "billing-portal.smoke.serviceAccount" -}}
{{ .Values.mesh.smoke.serviceAccount | default (printf "%s-test" (include "billing-portal.name" .)) }}
{{- end -}}

{{- /* What each replica may ask of Stripe, with the extra one of a rolling update counted. */ -}}
{{- define "billing-portal.stripeRate" -}}
{{- $replicas := .Values.replicas -}}
{{- if .Values.autoscaling.enabled -}}{{- $replicas = .Values.autoscaling.maxReplicas -}}{{- end -}}
{{- $atOnce := add $replicas 1 -}}
{{- $each := div .Values.stripe.ratePerSecond $atOnce -}}
{{- if lt $each 1 -}}
{{- fail (printf "stripe.ratePerSecond %v leaves less than one open a second for each of the %d replicas that can exist at once; lower the replicas" .Values.stripe.ratePerSecond $atOnce) -}}
{{- end -}}
{{- $each -}}
{{- end -}}

{{- define "billing-portal.flags.configMap" -}}
{{ .Values.flag.configMap | default (printf "%s-flags" (include "billing-portal.name" .)) }}
{{- end -}}

{{- /* Whoever runs under this is nobody, with nothing. */ -}}
{{- define "billing-portal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- /* One flag a line; no secret is among them. */ -}}
{{- define "billing-portal.arguments" -}}
- --listen=0.0.0.0:50051
- --caller-identity={{ .Values.mesh.provider }}
- --allowed-callers={{ include "billing-portal.caller" . }}
- --principal-jwks={{ if .Values.principal.jwks.url }}{{ .Values.principal.jwks.url }}{{ else }}/etc/billing-portal/jwks/{{ .Values.principal.jwks.key }}{{ end }}
- --principal-jwks-refresh={{ .Values.principal.jwks.refresh }}
- --principal-jwks-max-age={{ .Values.principal.jwks.maxAge }}
- --principal-issuer={{ .Values.principal.issuer }}
- --principal-audience={{ .Values.principal.audience }}
- --principal-clock-skew={{ .Values.principal.clockSkew }}
- --return-url-origins={{ join "," .Values.returnUrlOrigins }}
{{- if .Values.database.passwordSecret }}
- --database-password-file=/etc/billing-portal/database/{{ .Values.database.passwordKey }}
{{- end }}
- --ownership={{ .Values.database.ownership }}
- --flags-file=/etc/billing-portal/flags/flags.json
- --flag-key={{ .Values.flag.key }}
- --stripe-secret-key-file=/etc/billing-portal/stripe/{{ .Values.stripe.keyKey }}
- --stripe-mode={{ .Values.stripe.mode }}
- --stripe-session-hosts={{ join "," .Values.stripe.sessionHosts }}
{{- with .Values.stripe.portalConfiguration }}
- --stripe-portal-configuration={{ . }}
{{- end }}
- --stripe-tenant-metadata-key={{ .Values.stripe.tenantMetadataKey }}
- --stripe-attempt-timeout={{ .Values.stripe.attemptTimeout }}
- --stripe-rate={{ include "billing-portal.stripeRate" . }}
- --session-rate={{ .Values.limits.sessionRate }}
- --deadline={{ .Values.limits.deadline }}
- --max-in-flight={{ .Values.limits.maxInFlight }}
- --max-connections={{ .Values.limits.maxConnections }}
- --drain-timeout={{ .Values.drain.timeoutSeconds }}s
- --reflection={{ .Values.reflection }}
{{- end -}}

{{- define "billing-portal.environment" -}}
- { name: DATABASE_URL, value: {{ .Values.database.url | quote }} }
- { name: RUST_LOG, value: {{ .Values.logLevel | quote }} }
{{- with .Values.otlpEndpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- end -}}

{{- define "billing-portal.mounts" -}}
- { name: flags, mountPath: /etc/billing-portal/flags, readOnly: true }
- { name: stripe, mountPath: /etc/billing-portal/stripe, readOnly: true }
{{- if not .Values.principal.jwks.url }}
- { name: jwks, mountPath: /etc/billing-portal/jwks, readOnly: true }
{{- end }}
{{- if .Values.database.passwordSecret }}
- { name: database, mountPath: /etc/billing-portal/database, readOnly: true }
{{- end }}
{{- end -}}

{{- define "billing-portal.meshNamespace" -}}
{{ .Values.networkPolicy.meshNamespace | default (eq .Values.mesh.provider "istio" | ternary "istio-system" "linkerd") }}
{{- end -}}

{{- define "billing-portal.smoke.principal" -}}
{{ .Values.mesh.trustDomain }}/ns/{{ include "billing-portal.smoke.namespace" . }}/sa/{{ include "billing-portal.smoke.serviceAccount" . }}
{{- end -}}
