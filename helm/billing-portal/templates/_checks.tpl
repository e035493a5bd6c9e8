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
{{- if and $flag.definition (gt (len $flag.definition.flags) 1) -}}
{{- fail (printf "flag.definition holds other flags than %q, which the commands that switch it off would meet, too; leave them out, or bring a ConfigMap of your own" $flag.key) -}}
{{- end -}}
{{- if and (not $flag.existingConfigMap) (ne (len (regexFindAll "(EN|DIS)ABLED" (include "billing-portal.flagDefinition" .) -1)) 1) -}}
{{- fail "the flag's definition says ENABLED or DISABLED elsewhere than in its state, so no command could switch it off by that word; rename what does" -}}
{{- end -}}
{{- if and $flag.existingConfigMap $flag.disabled -}}
{{- fail "flag.disabled is for the chart's own ConfigMap; with flag.existingConfigMap, say DISABLED there" -}}
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
{{- $kind := (tpl (toYaml .) $ | fromYaml).kind -}}
{{- if or (hasSuffix "List" $kind) (has $kind (list "VirtualService" "GRPCRoute" "HTTPRoute" "Secret")) -}}
{{- fail (printf "extraObjects holds a %s; a route would contend with the chart's (mesh.createPolicies: false is for your own), and a Secret belongs into no values" $kind) -}}
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
{{- if and $values.autoscaling.enabled (not $values.resources.requests.cpu) -}}
{{- fail "autoscaling needs resources.requests.cpu, of which its percentage is one" -}}
{{- end -}}
{{- if lt (int $values.shutdown.drainSeconds) (int $values.limits.deadlineSeconds) -}}
{{- fail "shutdown.drainSeconds is under limits.deadlineSeconds, so a roll-out would cut calls that are in time" -}}
{{- end -}}
{{- if and (eq (include "billing-portal.traffic" .) "canary") (gt (int $values.mesh.canaryWeight) 50) (lt (int $values.canary.replicas) (int (include "billing-portal.stablePods" .))) -}}
{{- fail "mesh.canaryWeight is over 50 with fewer canary.replicas than the first version has; most calls would meet few pods, with a small share of Stripe's rate" -}}
{{- end -}}
{{- if and $values.principal.jwksUrl (le (int $values.principal.jwksMaxAgeSeconds) (int $values.principal.jwksRefreshSeconds)) -}}
{{- fail "principal.jwksMaxAgeSeconds must be over principal.jwksRefreshSeconds, or every token is refused between two looks" -}}
{{- end -}}
{{- end -}}
