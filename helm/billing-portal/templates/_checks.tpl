{{/* Checks that the schema cannot express, or not with a readable message. A failed check fails the render. */}}

{{- define "billing-portal.check" -}}
{{- include "billing-portal.checkRequired" . -}}
{{- include "billing-portal.checkMesh" . -}}
{{- include "billing-portal.checkTls" . -}}
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
{{- if not $value }}{{ fail (printf "%s is required; see its comment in values.yaml" $name) }}{{ end -}}
{{- end -}}
{{- $principal := $values.principal -}}
{{- if eq (empty $principal.jwksUrl) (empty $principal.jwksConfigMap) -}}
{{- fail "principal: set exactly one of principal.jwksUrl and principal.jwksConfigMap" -}}
{{- end -}}
{{- if and $values.egressProxy.url $values.egressProxy.urlSecret -}}
{{- fail "egressProxy: set only one of egressProxy.url and egressProxy.urlSecret" -}}
{{- end -}}
{{- if $values.networkPolicy.enabled -}}
{{- if not $values.networkPolicy.databasePeers -}}
{{- fail "networkPolicy.databasePeers is required while networkPolicy.enabled is true; without it, pods cannot reach the database" -}}
{{- end -}}
{{- if and (include "billing-portal.hasProxy" .) (not $values.egressProxy.peers) -}}
{{- fail "egressProxy.peers is required with an egress proxy while networkPolicy.enabled is true; without it, pods cannot reach the proxy" -}}
{{- end -}}
{{- if and $values.telemetry.otlpEndpoint (not $values.telemetry.collectorPeers) -}}
{{- fail "telemetry.collectorPeers is required with telemetry.otlpEndpoint while networkPolicy.enabled is true; without it, pods cannot reach the collector" -}}
{{- end -}}
{{- end -}}
{{- $flag := $values.flag -}}
{{- if and $flag.definition (not (hasKey ($flag.definition.flags | default dict) $flag.key)) -}}
{{- fail (printf "flag.definition does not contain the flag %q, so the feature would always be off; add the flag or correct flag.key" $flag.key) -}}
{{- end -}}
{{- if and $flag.definition (gt (len $flag.definition.flags) 1) -}}
{{- fail (printf "flag.definition must contain only the flag %q, because the commands in the notes would also switch off other flags; remove the others or use flag.existingConfigMap" $flag.key) -}}
{{- end -}}
{{- if and (not $flag.existingConfigMap) (ne (len (regexFindAll "(EN|DIS)ABLED" (include "billing-portal.flagDefinition" .) -1)) 1) -}}
{{- fail "flag: the words ENABLED and DISABLED may appear only in the state of the flag, because the commands in the notes replace them; rename the flag key, variant or metadata that contains them" -}}
{{- end -}}
{{- if and $flag.existingConfigMap $flag.disabled -}}
{{- fail "flag.disabled has no effect on flag.existingConfigMap; set the flag's state to DISABLED in that ConfigMap instead" -}}
{{- end -}}
{{- if and $flag.existingConfigMap (or $flag.definition $flag.everyone $flag.tenants) -}}
{{- fail "flag.existingConfigMap cannot be combined with flag.definition, flag.everyone or flag.tenants; remove one of them" -}}
{{- end -}}
{{- if and $flag.definition (or $flag.everyone $flag.tenants) -}}
{{- fail "flag.definition cannot be combined with flag.everyone or flag.tenants; remove one of them" -}}
{{- end -}}
{{- if and (gt (int $values.principal.maxLifetimeSeconds) 3600) (ne $values.database.ownership "token-and-directory") -}}
{{- fail "principal.maxLifetimeSeconds above 3600 requires database.ownership token-and-directory, because only the directory notices a removed owner before the token expires" -}}
{{- end -}}
{{- if and $values.database.ownersSql (eq $values.database.ownership "token") -}}
{{- fail "database.ownersSql cannot be combined with database.ownership token, which does not query owners; remove one of them" -}}
{{- end -}}
{{- end -}}

{{- define "billing-portal.checkMesh" -}}
{{- $mesh := .Values.mesh -}}
{{- $traffic := include "billing-portal.traffic" . -}}
{{- if and (eq $mesh.provider "linkerd") (eq $mesh.route "virtualService") $mesh.createPolicies -}}
{{- fail "mesh.route must be grpcRoute with mesh.provider linkerd, because Linkerd does not support VirtualService" -}}
{{- end -}}
{{- if and (include "billing-portal.isAmbient" .) (ne $mesh.route "grpcRoute") -}}
{{- fail "mesh.route must be grpcRoute with mesh.istio.mode ambient, because waypoints do not fully support VirtualService" -}}
{{- end -}}
{{- if and (include "billing-portal.isAmbient" .) (not $mesh.createPolicies) -}}
{{- fail "mesh.createPolicies must be true with mesh.istio.mode ambient, because a caller that bypasses the waypoint could forge its identity" -}}
{{- end -}}
{{- if and (eq $mesh.provider "mtls") (or .Values.canary.enabled (ne $traffic "on")) -}}
{{- fail "mesh.traffic must be on and canary.enabled must be false with mesh.provider mtls, because there is no route that could switch or split calls; use flag.disabled, or a second release" -}}
{{- end -}}
{{- if and (not $mesh.createPolicies) (ne $traffic "on") -}}
{{- fail (printf "mesh.traffic is %q, but must be on while mesh.createPolicies is false, because the chart then creates no route; change your own route instead" $traffic) -}}
{{- end -}}
{{- if and (eq $traffic "canary") (not .Values.canary.enabled) -}}
{{- fail "mesh.traffic is \"canary\", but canary.enabled is false, so the canary's calls would not reach any pod; set canary.enabled to true" -}}
{{- end -}}
{{- if and .Values.canary.enabled (not .Values.canary.image.tag) (not .Values.canary.image.digest) -}}
{{- fail "canary.image.tag or canary.image.digest is required with canary.enabled; without it, the canary would run the stable version" -}}
{{- end -}}
{{- range $mesh.externalHosts -}}
{{- if and (eq (int .port) (int $.Values.database.port)) (not .addresses) -}}
{{- fail (printf "mesh.externalHosts: addresses are required for %s, because PostgreSQL connections do not start with a TLS server name" .host) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraObjects -}}
{{- $kind := (tpl (toYaml .) $ | fromYaml).kind -}}
{{- if or (hasSuffix "List" $kind) (has $kind (list "VirtualService" "GRPCRoute" "HTTPRoute" "Secret")) -}}
{{- fail (printf "extraObjects must not contain a %s: routes conflict with the chart's (to use your own, set mesh.createPolicies to false), Secrets must not be stored in values, and each item of a List must be its own entry" $kind) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "billing-portal.checkTls" -}}
{{- $tls := .Values.tls -}}
{{- if eq .Values.mesh.provider "mtls" -}}
{{- if not $tls.secretName -}}
{{- fail "tls.secretName is required with mesh.provider mtls; see its comment in values.yaml" -}}
{{- end -}}
{{- if eq (empty $tls.clientCaSecret) (empty $tls.clientCaConfigMap) -}}
{{- fail "tls: set exactly one of tls.clientCaSecret and tls.clientCaConfigMap with mesh.provider mtls" -}}
{{- end -}}
{{- if not .Values.healthPort -}}
{{- fail "healthPort is required with mesh.provider mtls, because the kubelet cannot present a certificate to the port of calls" -}}
{{- end -}}
{{- else -}}
{{- if or $tls.secretName $tls.clientCaSecret $tls.clientCaConfigMap -}}
{{- fail "tls has no effect without mesh.provider mtls, because the mesh encrypts connections; remove it, or use mtls" -}}
{{- end -}}
{{- range .Values.callers -}}
{{- if .identity -}}
{{- fail (printf "callers: identity %s requires mesh.provider mtls; name the serviceAccount instead, which the mesh identifies" .identity) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "billing-portal.checkLimits" -}}
{{- $values := .Values -}}
{{- $pods := include "billing-portal.maxPods" . | int -}}
{{- if lt (include "billing-portal.stripeRate" . | int) 1 -}}
{{- fail (printf "stripe.ratePerSecond is %d, which is less than one per second for each of the %d pods that can exist at the same time (surge and canary included); raise it or run fewer pods" (include "billing-portal.stripeRateOfAllPods" . | int) $pods) -}}
{{- end -}}
{{- if gt (int $values.stripe.attemptTimeoutSeconds) (int $values.limits.deadlineSeconds) -}}
{{- fail "stripe.attemptTimeoutSeconds must not exceed limits.deadlineSeconds" -}}
{{- end -}}
{{- if and $values.autoscaling.enabled (gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas must not exceed autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and $values.autoscaling.enabled (not $values.resources.requests.cpu) -}}
{{- fail "resources.requests.cpu is required with autoscaling.enabled, because the target utilization is a percentage of it" -}}
{{- end -}}
{{- if lt (int $values.shutdown.drainSeconds) (int $values.limits.deadlineSeconds) -}}
{{- fail "shutdown.drainSeconds must be at least limits.deadlineSeconds; otherwise a roll-out would cut off calls before their deadline" -}}
{{- end -}}
{{- if and (eq (include "billing-portal.traffic" .) "canary") (gt (int $values.mesh.canaryWeight) 50) (lt (int $values.canary.replicas) (int (include "billing-portal.stablePods" .))) -}}
{{- fail "mesh.canaryWeight above 50 requires at least as many canary.replicas as stable replicas; otherwise most calls would reach few pods, which have a small share of stripe.ratePerSecond" -}}
{{- end -}}
{{- if and $values.principal.jwksUrl (le (int $values.principal.jwksMaxAgeSeconds) (int $values.principal.jwksRefreshSeconds)) -}}
{{- fail "principal.jwksMaxAgeSeconds must be greater than principal.jwksRefreshSeconds; otherwise the key set would expire before each refresh" -}}
{{- end -}}
{{- end -}}
