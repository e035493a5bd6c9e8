{{/* Helpers that derive settings from the values. */}}

{{/* mesh.traffic as on, off or canary. YAML parses unquoted on and off as booleans. */}}
{{- define "billing-portal.traffic" -}}
{{- $traffic := toString .Values.mesh.traffic -}}
{{- get (dict "true" "on" "false" "off") $traffic | default $traffic -}}
{{- end -}}

{{/* The tracks (stable, and canary if enabled) as JSON, each with the suffix of its object names. */}}
{{- define "billing-portal.tracks" -}}
{{- $tracks := list (dict "name" "stable" "suffix" "") -}}
{{- if .Values.canary.enabled }}{{ $tracks = append $tracks (dict "name" "canary" "suffix" "-canary") }}{{ end -}}
{{- toJson $tracks -}}
{{- end -}}

{{- define "billing-portal.stablePods" -}}
{{- ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled -}}
{{- end -}}

{{/* The maximum number of pods that take calls at the same time: every track at its largest and during a roll-out. */}}
{{- define "billing-portal.maxPods" -}}
{{- $pods := add (include "billing-portal.stablePods" . | int) .Values.rollout.maxSurge -}}
{{- if .Values.canary.enabled -}}
{{- $pods = add $pods .Values.canary.replicas .Values.rollout.maxSurge -}}
{{- end -}}
{{- $pods -}}
{{- end -}}

{{/* Portal sessions per second of all pods together; 0 stands for the default of the mode. */}}
{{- define "billing-portal.stripeRateOfAllPods" -}}
{{- .Values.stripe.ratePerSecond | default (ternary 20 10 (eq .Values.stripe.mode "live")) -}}
{{- end -}}

{{/* Portal sessions per second of one pod, rounded down. */}}
{{- define "billing-portal.stripeRate" -}}
{{- div (include "billing-portal.stripeRateOfAllPods" . | int) (include "billing-portal.maxPods" . | int) -}}
{{- end -}}

{{/*
Hosts outside the mesh besides Stripe, as JSON. Includes the host of principal.jwksUrl, unless its name has no dot or is a
Service of the cluster.
*/}}
{{- define "billing-portal.externalHosts" -}}
{{- $hosts := .Values.mesh.externalHosts -}}
{{- $names := list -}}
{{- range $hosts }}{{ $names = append $names .host }}{{ end -}}
{{- $host := (urlParse .Values.principal.jwksUrl).hostname -}}
{{- if and (contains "." $host) (not (hasSuffix ".svc" $host)) (not (hasSuffix (printf ".svc.%s" .Values.clusterDomain) $host)) (not (has $host $names)) -}}
{{- $hosts = append $hosts (dict "host" $host "port" (include "billing-portal.jwksPort" . | int)) -}}
{{- end -}}
{{- toJson $hosts -}}
{{- end -}}

{{- define "billing-portal.jwksPort" -}}
{{- regexFind ":[0-9]+$" (urlParse .Values.principal.jwksUrl).host | trimPrefix ":" | default "443" -}}
{{- end -}}

{{/* Not empty if there is an egress proxy. */}}
{{- define "billing-portal.hasProxy" -}}
{{- if or .Values.egressProxy.url .Values.egressProxy.urlSecret }}true{{ end -}}
{{- end -}}

{{- define "billing-portal.proxyPort" -}}
{{- regexFind ":[0-9]+$" .Values.egressProxy.url | trimPrefix ":" | default .Values.egressProxy.port -}}
{{- end -}}

{{/* Time that the sidecar gets to stop after the service has stopped. */}}
{{- define "billing-portal.proxyDrainSeconds" -}}5{{- end -}}

{{- define "billing-portal.gracePeriodSeconds" -}}
{{- $shutdown := .Values.shutdown -}}
{{- add $shutdown.preStopSeconds $shutdown.drainSeconds (include "billing-portal.proxyDrainSeconds" . | int) 5 -}}
{{- end -}}

{{/*
Longer than the deadline of the service, so that the service responds with a reason before a proxy times out and counts a
failure.
*/}}
{{- define "billing-portal.routeTimeout" -}}
{{- add .Values.limits.deadlineSeconds 2 -}}s
{{- end -}}

{{/*
The identity of a service account: its name in Linkerd, otherwise its SPIFFE ID without the scheme. Takes a dict with root and
caller.
*/}}
{{- define "billing-portal.identity" -}}
{{- $mesh := .root.Values.mesh -}}
{{- if eq $mesh.provider "linkerd" -}}
{{- printf "%s.%s.serviceaccount.identity.%s.%s" .caller.serviceAccount .caller.namespace $mesh.linkerd.controlPlaneNamespace $mesh.trustDomain -}}
{{- else -}}
{{- printf "%s/ns/%s/sa/%s" $mesh.trustDomain .caller.namespace .caller.serviceAccount -}}
{{- end -}}
{{- end -}}

{{/* The allowed callers, in the format of BILLING_PORTAL_ALLOWED_CALLERS. */}}
{{- define "billing-portal.allowedCallers" -}}
{{- $identities := list -}}
{{- $scheme := ternary "" "spiffe://" (eq .Values.mesh.provider "linkerd") -}}
{{- range .Values.callers -}}
{{- $identities = append $identities (get . "identity" | default (printf "%s%s" $scheme (include "billing-portal.identity" (dict "root" $ "caller" .)))) -}}
{{- end -}}
{{- join "," $identities -}}
{{- end -}}

{{- define "billing-portal.databaseUrl" -}}
{{- with .Values.database -}}
{{- $hosts := replace "," (printf ":%d," (int .port)) .host -}}
{{- $url := printf "postgres://%s@%s:%d/%s?sslmode=%s" .user $hosts (int .port) .name .sslMode -}}
{{- if .rootCertificateConfigMap.name -}}
{{- $url = printf "%s&sslrootcert=/etc/billing-portal/database-ca/%s" $url .rootCertificateConfigMap.key -}}
{{- end -}}
{{- $url -}}
{{- end -}}
{{- end -}}

{{/* The ConfigMap of the flag, and the key in it. */}}
{{- define "billing-portal.flagConfigMap" -}}
{{- .Values.flag.existingConfigMap.name | default (printf "%s-flag" (include "billing-portal.fullname" .)) -}}
{{- end -}}
{{- define "billing-portal.flagFile" -}}
{{- .Values.flag.existingConfigMap.key | default "flags.json" -}}
{{- end -}}

{{/* The flagd definition: generated from flag.everyone and flag.tenants, or taken from flag.definition. */}}
{{- define "billing-portal.flagDefinition" -}}
{{- $flag := .Values.flag -}}
{{- $definition := dict "state" "ENABLED" "variants" (dict "on" true "off" false) "defaultVariant" (ternary "on" "off" $flag.everyone) -}}
{{- if $flag.definition -}}
{{- $definition = get $flag.definition.flags $flag.key -}}
{{- else if $flag.tenants -}}
{{- $isListed := dict "in" (list (dict "var" "targetingKey") $flag.tenants) -}}
{{- $_ := set $definition "targeting" (dict "if" (list $isListed "on" (ternary "on" "off" $flag.everyone))) -}}
{{- end -}}
{{- $definition = ternary (merge (dict "state" "DISABLED") $definition) $definition $flag.disabled -}}
{{- toPrettyJson (merge (dict "flags" (dict $flag.key $definition)) (omit ($flag.definition | default dict) "flags")) -}}
{{- end -}}
