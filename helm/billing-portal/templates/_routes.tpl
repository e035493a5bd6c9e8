{{/* The rules of each kind of route, for traffic on, off and canary. NOTES.txt patches with the same rules. */}}

{{/*
The destinations with their shares, as JSON; takes a dict of root and traffic. A share of 0 is never written: a single destination
gets every call whatever its weight, and where all are 0, Istio refuses the object or answers UNKNOWN.
*/}}
{{- define "billing-portal.shares" -}}
{{- $name := include "billing-portal.fullname" .root -}}
{{- $canary := ternary (int .root.Values.mesh.canaryWeight) 0 (eq .traffic "canary") -}}
{{- $shares := list -}}
{{- if lt $canary 100 }}{{ $shares = append $shares (dict "name" $name "weight" (sub 100 $canary)) }}{{ end -}}
{{- if gt $canary 0 }}{{ $shares = append $shares (dict "name" (printf "%s-canary" $name) "weight" $canary) }}{{ end -}}
{{- toJson $shares -}}
{{- end -}}

{{/* Off is an answer of the caller's own sidecar, before the call reaches a pod; the route stays beside it, as it was. */}}
{{- define "billing-portal.virtualServiceRules" -}}
{{- $root := .root -}}
http:
  - # By default Istio makes three calls of one that is UNAVAILABLE, and so three sessions at Stripe.
    retries: {attempts: 0}
    timeout: {{ include "billing-portal.routeTimeout" $root }}
    {{- if eq .traffic "off" }}
    fault: {{ include "billing-portal.fault" . }}
    {{- end }}
    route:
      {{- range include "billing-portal.shares" . | fromJsonArray }}
      - destination: {host: {{ .name }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}, port: {number: 50051}}
        weight: {{ .weight }}
      {{- end }}
{{- end -}}

{{- define "billing-portal.fault" -}}
{{- dict "abort" (dict "grpcStatus" "UNAVAILABLE" "percentage" (dict "value" 100)) | toJson -}}
{{- end -}}

{{/* Off is a Service without pods. JSON. */}}
{{- define "billing-portal.backends" -}}
{{- $backends := list (dict "name" (printf "%s-off" (include "billing-portal.fullname" .root)) "port" 50051) -}}
{{- if ne .traffic "off" -}}
{{- $backends = list -}}
{{- range include "billing-portal.shares" . | fromJsonArray -}}
{{- $backends = append $backends (dict "name" .name "port" 50051 "weight" .weight) -}}
{{- end -}}
{{- end -}}
{{- toJson $backends -}}
{{- end -}}

{{- define "billing-portal.grpcRouteRules" -}}
{{- $root := .root -}}
rules:
  - backendRefs: {{ include "billing-portal.backends" . }}
    {{- if eq $root.Values.mesh.provider "istio" }}
    filters:
      # A GRPCRoute has no field for retries, and Istio's default makes three calls of one. The proxy that would try again reads
      # this header first.
      - type: RequestHeaderModifier
        requestHeaderModifier: {set: [{name: x-envoy-max-retries, value: "0"}]}
    {{- end }}
{{- end -}}
