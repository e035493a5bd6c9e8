{{/* What follows from the values. */}}

{{/* on, off or canary; YAML reads the first two, unquoted, as booleans. */}}
{{- define "billing-portal.traffic" -}}
{{- $traffic := toString .Values.mesh.traffic -}}
{{- get (dict "true" "on" "false" "off") $traffic | default $traffic -}}
{{- end -}}

{{/* The versions side by side, as JSON: each track with what it appends to the names of its objects. */}}
{{- define "billing-portal.tracks" -}}
{{- $tracks := list (dict "name" "stable" "suffix" "") -}}
{{- if .Values.canary.enabled }}{{ $tracks = append $tracks (dict "name" "canary" "suffix" "-canary") }}{{ end -}}
{{- toJson $tracks -}}
{{- end -}}

{{- define "billing-portal.stablePods" -}}
{{- ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled -}}
{{- end -}}

{{/* Pods that can take calls at the same moment: every track at its largest, and each in the middle of a roll-out. */}}
{{- define "billing-portal.podsAtOnce" -}}
{{- $pods := add (include "billing-portal.stablePods" . | int) .Values.rollout.maxSurge -}}
{{- if .Values.canary.enabled -}}
{{- $pods = add $pods .Values.canary.replicas .Values.rollout.maxSurge -}}
{{- end -}}
{{- $pods -}}
{{- end -}}

{{/* Whole opens a second of one pod. */}}
{{- define "billing-portal.stripeRate" -}}
{{- div .Values.stripe.ratePerSecond (include "billing-portal.podsAtOnce" . | int) -}}
{{- end -}}

{{/* Hosts outside the mesh besides Stripe, the key set's among them, as JSON. One without a dot, or of the cluster's own, is inside. */}}
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

{{/* What a sidecar takes to end after its service did. */}}
{{- define "billing-portal.proxyDrainSeconds" -}}5{{- end -}}

{{- define "billing-portal.gracePeriodSeconds" -}}
{{- $shutdown := .Values.shutdown -}}
{{- add $shutdown.preStopSeconds $shutdown.drainSeconds (include "billing-portal.proxyDrainSeconds" . | int) 5 -}}
{{- end -}}

{{/* Over the service's own deadline, so that it is the service that answers, with a reason, and no proxy that counts a failure. */}}
{{- define "billing-portal.routeTimeout" -}}
{{- add .Values.limits.deadlineSeconds 2 -}}s
{{- end -}}

{{/* A service account's identity in the mesh; takes a dict of root and caller. */}}
{{- define "billing-portal.identity" -}}
{{- $mesh := .root.Values.mesh -}}
{{- if eq $mesh.provider "istio" -}}
{{- printf "%s/ns/%s/sa/%s" $mesh.trustDomain .caller.namespace .caller.serviceAccount -}}
{{- else -}}
{{- printf "%s.%s.serviceaccount.identity.%s.%s" .caller.serviceAccount .caller.namespace $mesh.linkerd.controlPlaneNamespace $mesh.trustDomain -}}
{{- end -}}
{{- end -}}

{{/* The callers, as the service itself checks them. */}}
{{- define "billing-portal.allowedCallers" -}}
{{- $identities := list -}}
{{- range .Values.callers -}}
{{- $identity := include "billing-portal.identity" (dict "root" $ "caller" .) -}}
{{- $identities = append $identities (ternary (printf "spiffe://%s" $identity) $identity (eq $.Values.mesh.provider "istio")) -}}
{{- end -}}
{{- join "," $identities -}}
{{- end -}}

{{- define "billing-portal.databaseUrl" -}}
{{- with .Values.database -}}
{{- $url := printf "postgres://%s@%s:%d/%s?sslmode=%s" .user .host (int .port) .name .sslMode -}}
{{- if .rootCertificateConfigMap.name -}}
{{- $url = printf "%s&sslrootcert=/etc/billing-portal/database-ca/%s" $url .rootCertificateConfigMap.key -}}
{{- end -}}
{{- $url -}}
{{- end -}}
{{- end -}}

{{/* The flag's ConfigMap and the key in it. */}}
{{- define "billing-portal.flagConfigMap" -}}
{{- .Values.flag.existingConfigMap.name | default (printf "%s-flag" (include "billing-portal.fullname" .)) -}}
{{- end -}}
{{- define "billing-portal.flagFile" -}}
{{- .Values.flag.existingConfigMap.key | default "flags.json" -}}
{{- end -}}

{{/* A flagd definition: on for everyone, for some tenants, or for no one; or the operator's own, with this one flag. */}}
{{- define "billing-portal.flagDefinition" -}}
{{- $flag := .Values.flag -}}
{{- $definition := dict "state" "ENABLED" "variants" (dict "on" true "off" false) "defaultVariant" (ternary "on" "off" $flag.everyone) -}}
{{- if $flag.definition -}}
{{- $definition = get $flag.definition.flags $flag.key -}}
{{- else if $flag.tenants -}}
{{- $chosen := dict "in" (list (dict "var" "targetingKey") $flag.tenants) -}}
{{- $_ := set $definition "targeting" (dict "if" (list $chosen "on" (ternary "on" "off" $flag.everyone))) -}}
{{- end -}}
{{- $definition = ternary (merge (dict "state" "DISABLED") $definition) $definition $flag.disabled -}}
{{- toPrettyJson (merge (dict "flags" (dict $flag.key $definition)) (omit ($flag.definition | default dict) "flags")) -}}
{{- end -}}
