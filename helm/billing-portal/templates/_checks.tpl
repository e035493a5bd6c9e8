{{/* What the schema can't say, or not in a sentence. Each stops the render. */}}

{{- define "billing-portal.check" -}}
{{- include "billing-portal.checkRequired" . -}}
{{- include "billing-portal.checkMesh" . -}}
{{- include "billing-portal.checkLimits" . -}}
{{- end -}}

{{- define "billing-portal.checkRequired" -}}
{{- $values := .Values -}}
{{- range $name, $value := dict
  "image.repository" $values.image.repository
  "mesh.provider" $values.mesh.provider
  "callers" $values.callers
  "principal.issuer" $values.principal.issuer
  "returnUrlOrigins" $values.returnUrlOrigins
  "database.host" $values.database.host
  "database.name" $values.database.name
  "database.passwordSecret.name" $values.database.passwordSecret.name
  "stripe.mode" $values.stripe.mode
  "stripe.secretKeySecret.name" $values.stripe.secretKeySecret.name
-}}
{{- if not $value }}{{ fail (printf "%s is required; values.yaml tells what it is" $name) }}{{ end -}}
{{- end -}}
{{- $principal := $values.principal -}}
{{- if eq (empty $principal.jwksUrl) (empty $principal.jwksConfigMap) -}}
{{- fail "principal.jwksUrl or principal.jwksConfigMap is required, and only one of the two" -}}
{{- end -}}
{{- if $values.networkPolicy.enabled -}}
{{- if not $values.networkPolicy.databasePeers -}}
{{- fail "networkPolicy.databasePeers is required while networkPolicy is enabled, or no pod would reach the directory" -}}
{{- end -}}
{{- if and $values.telemetry.otlpEndpoint (not $values.telemetry.collectorPeers) -}}
{{- fail "telemetry.collectorPeers is required with telemetry.otlpEndpoint while networkPolicy is enabled, or nothing would reach the collector" -}}
{{- end -}}
{{- end -}}
{{- $flag := $values.flag -}}
{{- if and $flag.definition (not (hasKey ($flag.definition.flags | default dict) $flag.key)) -}}
{{- fail (printf "flag.definition has no flag %q, so the feature would be off for good; add it, or name the right flag.key" $flag.key) -}}
{{- end -}}
{{- if and $flag.existingConfigMap (or $flag.definition $flag.everyone $flag.tenants) -}}
{{- fail "flag.existingConfigMap contradicts the other ways to say who has the feature; leave one out" -}}
{{- end -}}
{{- if and $flag.definition (or $flag.everyone $flag.tenants) -}}
{{- fail "flag.definition contradicts flag.everyone and flag.tenants; leave one out" -}}
{{- end -}}
{{- if and $values.database.ownersSql (eq $values.database.ownership "token") -}}
{{- fail "database.ownersSql contradicts database.ownership token, which asks for no owners; leave one out" -}}
{{- end -}}
{{- end -}}

{{- define "billing-portal.checkMesh" -}}
{{- $mesh := .Values.mesh -}}
{{- $traffic := include "billing-portal.traffic" . -}}
{{- if and (eq $mesh.provider "linkerd") (eq $mesh.route "virtualService") $mesh.createPolicies -}}
{{- fail "mesh.route must be grpcRoute with mesh.provider linkerd, which knows no VirtualService" -}}
{{- end -}}
{{- if and (not $mesh.createPolicies) (ne $traffic "on") -}}
{{- fail (printf "mesh.traffic is %q, but mesh.createPolicies is false, so there is no route of the chart's to say it; change your own" $traffic) -}}
{{- end -}}
{{- if and (eq $traffic "canary") (not .Values.canary.enabled) -}}
{{- fail "mesh.traffic is \"canary\", but canary.enabled is false, so its share of the calls would reach no pod" -}}
{{- end -}}
{{- if and .Values.canary.enabled (not .Values.canary.image.tag) (not .Values.canary.image.digest) -}}
{{- fail "canary.image.tag or canary.image.digest is required with canary.enabled; it would be the same version twice" -}}
{{- end -}}
{{- range $mesh.externalHosts -}}
{{- if and (eq (int .port) (int $.Values.database.port)) (not .addresses) -}}
{{- fail (printf "mesh.externalHosts needs addresses for %s: PostgreSQL's connections begin without a name to go by" .host) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraObjects -}}
{{- if has .kind (list "VirtualService" "GRPCRoute" "HTTPRoute" "Secret") -}}
{{- fail (printf "extraObjects holds a %s; a route would contend with the chart's (mesh.createPolicies: false is for your own), and a Secret belongs into no values" .kind) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "billing-portal.checkLimits" -}}
{{- $values := .Values -}}
{{- $pods := include "billing-portal.podsAtOnce" . | int -}}
{{- if lt (include "billing-portal.stripeRate" . | int) 1 -}}
{{- fail (printf "stripe.ratePerSecond is %d, which leaves less than one a second for each of the %d pods that can exist at once (surge and canary included); raise it, or run fewer" (int $values.stripe.ratePerSecond) $pods) -}}
{{- end -}}
{{- if gt (int $values.stripe.attemptTimeoutSeconds) (int $values.limits.deadlineSeconds) -}}
{{- fail "stripe.attemptTimeoutSeconds is over limits.deadlineSeconds; no attempt could use it up" -}}
{{- end -}}
{{- if and $values.autoscaling.enabled (gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is over autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and $values.principal.jwksUrl (le (int $values.principal.jwksMaxAgeSeconds) (int $values.principal.jwksRefreshSeconds)) -}}
{{- fail "principal.jwksMaxAgeSeconds must be over principal.jwksRefreshSeconds, or every token is refused between two looks" -}}
{{- end -}}
{{- end -}}
