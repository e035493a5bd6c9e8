{{/* The rules of each kind of route, for traffic on, off and canary. The commands in NOTES.txt use the same rules. */}}

{{/*
The destinations with their weights, as JSON. Takes a dict with root and traffic. A weight of 0 is never rendered: a single
destination receives all calls whatever its weight, and if all weights are 0, Istio rejects the object or responds with
UNKNOWN.
*/}}
{{- define "billing-portal.destinations" -}}
{{- $name := include "billing-portal.fullname" .root -}}
{{- $canary := ternary (int .root.Values.mesh.canaryWeight) 0 (eq .traffic "canary") -}}
{{- $destinations := list -}}
{{- if lt $canary 100 }}{{ $destinations = append $destinations (dict "name" $name "weight" (sub 100 $canary)) }}{{ end -}}
{{- if gt $canary 0 }}{{ $destinations = append $destinations (dict "name" (printf "%s-canary" $name) "weight" $canary) }}{{ end -}}
{{- toJson $destinations -}}
{{- end -}}

{{/* If traffic is off, a fault makes the caller's sidecar reject the call. The destinations stay unchanged. */}}
{{- define "billing-portal.virtualServiceRules" -}}
{{- $root := .root -}}
http:
  - # By default, Istio retries an UNAVAILABLE call twice, which could create three sessions at Stripe.
    retries: {attempts: 0}
    timeout: {{ include "billing-portal.routeTimeout" $root }}
    {{- if eq .traffic "off" }}
    fault: {{ include "billing-portal.fault" . }}
    {{- end }}
    route:
      {{- range include "billing-portal.destinations" . | fromJsonArray }}
      - destination: {host: {{ printf "%s.%s.svc.%s" .name $root.Release.Namespace $root.Values.clusterDomain | quote }}, port: {number: 50051}}
        weight: {{ .weight }}
      {{- end }}
{{- end -}}

{{- define "billing-portal.fault" -}}
{{- dict "abort" (dict "grpcStatus" "UNAVAILABLE" "percentage" (dict "value" 100)) | toJson -}}
{{- end -}}

{{/* The backends, as JSON. If traffic is off, the only backend is a Service without pods. */}}
{{- define "billing-portal.backends" -}}
{{- $backends := list (dict "name" (printf "%s-off" (include "billing-portal.fullname" .root)) "port" 50051) -}}
{{- if ne .traffic "off" -}}
{{- $backends = list -}}
{{- range include "billing-portal.destinations" . | fromJsonArray -}}
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
      # A GRPCRoute has no field for retries, and Istio retries twice by default. Envoy reads this header before its retry
      # policy.
      - type: RequestHeaderModifier
        requestHeaderModifier: {set: [{name: x-envoy-max-retries, value: "0"}]}
    {{- end }}
{{- end -}}
