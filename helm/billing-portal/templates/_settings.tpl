{{/* The environment variables of the service. docs/settings.md lists all settings. */}}
{{- define "billing-portal.environment" -}}
{{- $values := .Values -}}
{{- $settings := dict
  "LISTEN" (printf "%s:50051" $values.listenAddress)
  "CALLER_IDENTITY" $values.mesh.provider
  "ALLOWED_CALLERS" (include "billing-portal.allowedCallers" .)
  "PRINCIPAL_JWKS" ($values.principal.jwksUrl | default (printf "/etc/billing-portal/principal/%s" ($values.principal.jwksConfigMap.key | default "")))
  "PRINCIPAL_ISSUER" $values.principal.issuer
  "PRINCIPAL_AUDIENCE" $values.principal.audience
  "PRINCIPAL_TOKEN_TYPES" (join "," $values.principal.tokenTypes)
  "PRINCIPAL_SUBJECT_CLAIM" $values.principal.subjectClaim
  "PRINCIPAL_TENANT_CLAIM" $values.principal.tenantClaim
  "PRINCIPAL_ROLE_CLAIM" $values.principal.roleClaim
  "OWNER_ROLES" (join "," $values.principal.ownerRoles)
  "PRINCIPAL_MAX_LIFETIME" (printf "%ds" (int $values.principal.maxLifetimeSeconds))
  "PRINCIPAL_CLOCK_SKEW" (printf "%ds" (int $values.principal.clockSkewSeconds))
  "PRINCIPAL_JWKS_REFRESH" (printf "%ds" (int $values.principal.jwksRefreshSeconds))
  "PRINCIPAL_JWKS_MAX_AGE" (printf "%ds" (int $values.principal.jwksMaxAgeSeconds))
  "RETURN_URL_ORIGINS" (join "," $values.returnUrlOrigins)
  "DATABASE_PASSWORD_FILE" (printf "/etc/billing-portal/database/%s" $values.database.passwordSecret.key)
  "DATABASE_SCHEMA" $values.database.schema
  "DATABASE_MAX_CONNECTIONS" $values.database.maxConnections
  "OWNERSHIP" $values.database.ownership
  "FLAGS_FILE" (printf "/etc/billing-portal/flag/%s" (include "billing-portal.flagFile" .))
  "FLAG_KEY" $values.flag.key
  "STRIPE_SECRET_KEY_FILE" (printf "/etc/billing-portal/stripe/%s" $values.stripe.secretKeySecret.key)
  "STRIPE_MODE" $values.stripe.mode
  "STRIPE_API_BASE" (printf "https://%s" $values.stripe.apiHost)
  "STRIPE_SESSION_HOSTS" (join "," $values.stripe.sessionHosts)
  "STRIPE_TENANT_METADATA_KEY" $values.stripe.tenantMetadataKey
  "STRIPE_ATTEMPT_TIMEOUT" (printf "%ds" (int $values.stripe.attemptTimeoutSeconds))
  "STRIPE_RATE" (include "billing-portal.stripeRate" .)
  "DEADLINE" (printf "%ds" (int $values.limits.deadlineSeconds))
  "DRAIN_TIMEOUT" (printf "%ds" (int $values.shutdown.drainSeconds))
  "MAX_IN_FLIGHT" (int $values.limits.maxInFlight)
  "MAX_CONNECTIONS" (int $values.limits.maxConnections)
  "SESSION_RATE" (int $values.limits.sessionsPerMinute)
  "AUDIT" "stdout"
  "LOG_FORMAT" "json"
  "REFLECTION" $values.reflection
-}}
{{- if $values.tls.secretName }}
{{- $_ := set $settings "TLS_CERTIFICATE_FILE" "/etc/billing-portal/tls/tls.crt" -}}
{{- $_ := set $settings "TLS_PRIVATE_KEY_FILE" "/etc/billing-portal/tls/tls.key" -}}
{{- $_ := set $settings "TLS_CLIENT_CA_FILE" (printf "/etc/billing-portal/client-ca/%s" ($values.tls.clientCaSecret.key | default $values.tls.clientCaConfigMap.key)) -}}
{{- end -}}
{{- with $values.principal.otherAudiences }}{{- $_ := set $settings "PRINCIPAL_OTHER_AUDIENCES" (join "," .) }}{{- end -}}
{{- with $values.healthPort }}{{- $_ := set $settings "HEALTH_LISTEN" (printf "%s:%d" $values.listenAddress (int .)) }}{{- end -}}
{{- with $values.stripe.portalConfiguration }}{{- $_ := set $settings "STRIPE_PORTAL_CONFIGURATION" . }}{{- end -}}
{{- if $values.database.tenantsSql }}{{- $_ := set $settings "TENANTS_SQL_FILE" "/etc/billing-portal/sql/tenants.sql" }}{{- end -}}
{{- if $values.database.ownersSql }}{{- $_ := set $settings "OWNERS_SQL_FILE" "/etc/billing-portal/sql/owners.sql" }}{{- end -}}
{{- range $name, $value := $settings }}
- {name: BILLING_PORTAL_{{ $name }}, value: {{ $value | quote }}}
{{- end }}
- {name: DATABASE_URL, value: {{ include "billing-portal.databaseUrl" . | quote }}}
- {name: RUST_LOG, value: {{ $values.logLevel | quote }}}
{{- with $values.trustedCertificatesConfigMap }}
- {name: SSL_CERT_FILE, value: {{ printf "/etc/billing-portal/trusted/%s" .key | quote }}}
{{- end }}
{{- if include "billing-portal.hasProxy" . }}
{{- with $values.egressProxy.url }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
{{- end }}
{{- with $values.egressProxy.urlSecret }}
- {name: HTTPS_PROXY, valueFrom: {secretKeyRef: {{ toJson . }}}}
{{- end }}
{{- with $values.egressProxy.noProxy }}
- {name: NO_PROXY, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- if $values.telemetry.otlpEndpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ $values.telemetry.otlpEndpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ $values.telemetry.otlpProtocol | quote }}}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- $attributes := list (printf "k8s.namespace.name=%s" .Release.Namespace) "k8s.pod.name=$(POD_NAME)" "service.instance.id=$(POD_NAME)" -}}
{{- range $name, $value := $values.telemetry.resourceAttributes }}{{- $attributes = append $attributes (printf "%s=%s" $name (replace "%" "%25" $value)) }}{{- end }}
- {name: OTEL_RESOURCE_ATTRIBUTES, value: {{ join "," $attributes | quote }}}
{{- end }}
{{- end -}}

{{/*
The mounted files: the volume's name, its kind, and its object and key or keys. They are mounted as directories, because a
subPath mount is not updated.
*/}}
{{- define "billing-portal.files" -}}
{{- $values := .Values }}
stripe: {secret: {{ toJson $values.stripe.secretKeySecret }}}
database: {secret: {{ toJson $values.database.passwordSecret }}}
flag: {configMap: {name: {{ include "billing-portal.flagConfigMap" . | quote }}, key: {{ include "billing-portal.flagFile" . | quote }}}}
{{- with $values.tls.secretName }}
tls: {secret: {name: {{ . | quote }}, keys: [tls.crt, tls.key]}}
{{- end }}
{{- with $values.tls.clientCaSecret }}
client-ca: {secret: {{ toJson . }}}
{{- end }}
{{- with $values.tls.clientCaConfigMap }}
client-ca: {configMap: {{ toJson . }}}
{{- end }}
{{- with $values.principal.jwksConfigMap }}
principal: {configMap: {{ toJson . }}}
{{- end }}
{{- with $values.database.rootCertificateConfigMap }}
database-ca: {configMap: {{ toJson . }}}
{{- end }}
{{- with $values.trustedCertificatesConfigMap }}
trusted: {configMap: {{ toJson . }}}
{{- end }}
{{- end -}}
