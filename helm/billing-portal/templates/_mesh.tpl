{{/* Labels, annotations and identities of the mesh. */}}

{{/* The callers that may use health and reflection, as JSON: the pod of `helm test`, and mesh.smokeCaller. */}}
{{- define "billing-portal.smokeCallers" -}}
{{- $test := printf "%s-test" (include "billing-portal.fullname" .) -}}
{{- $callers := list (dict "namespace" .Release.Namespace "serviceAccount" $test "podLabels" (dict "app.kubernetes.io/name" $test)) -}}
{{- with .Values.mesh.smokeCaller }}{{ $callers = append $callers . }}{{ end -}}
{{- toJson $callers -}}
{{- end -}}

{{/* Not empty if the chart creates a route. */}}
{{- define "billing-portal.hasRoute" -}}
{{- if and .Values.mesh.createPolicies (ne .Values.mesh.provider "mtls") }}true{{ end -}}
{{- end -}}

{{/* Not empty in Istio's ambient mode. */}}
{{- define "billing-portal.isAmbient" -}}
{{- if and (eq .Values.mesh.provider "istio") (eq .Values.mesh.istio.mode "ambient") }}true{{ end -}}
{{- end -}}

{{/* The Gateway of the waypoint. Istio names the pods' service account after it. */}}
{{- define "billing-portal.waypoint" -}}
{{- printf "%s-waypoint" (include "billing-portal.fullname" .) -}}
{{- end -}}

{{/* Labels that add a pod to Istio, with or without a sidecar. Linkerd uses an annotation instead. */}}
{{- define "billing-portal.injectionLabels" -}}
{{- if include "billing-portal.isAmbient" . -}}
istio.io/dataplane-mode: ambient
sidecar.istio.io/inject: "false"
{{- else if eq .Values.mesh.provider "istio" -}}
sidecar.istio.io/inject: "true"
{{- with .Values.mesh.istio.revision }}
istio.io/rev: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A native sidecar starts before the main container and stops after it. Calls during startup and drain are therefore not lost,
and the proxy does not outlive a test pod.
*/}}
{{- define "billing-portal.nativeSidecar" -}}
{{- if include "billing-portal.isAmbient" . -}}
{{- else if eq .Values.mesh.provider "istio" -}}
sidecar.istio.io/nativeSidecar: "true"
{{- else if eq .Values.mesh.provider "linkerd" -}}
linkerd.io/inject: enabled
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
{{- end }}
{{- end -}}

{{/* Labels of the service's pods. Takes a dict with root and track. */}}
{{- define "billing-portal.meshLabels" -}}
{{- include "billing-portal.injectionLabels" .root }}
{{- if eq .root.Values.mesh.provider "istio" }}
# Istio's metrics use these names; they distinguish the canary from the stable version.
service.istio.io/canonical-name: {{ include "billing-portal.fullname" .root | quote }}
service.istio.io/canonical-revision: {{ .track }}
{{- end }}
{{- end -}}

{{- define "billing-portal.meshAnnotations" -}}
{{- include "billing-portal.nativeSidecar" . }}
{{- if and (eq .Values.mesh.provider "istio") (not (include "billing-portal.isAmbient" .)) }}
# The kubelet has no mesh certificate. With this annotation the sidecar's agent runs the probes, which bypass mesh policies.
sidecar.istio.io/rewriteAppHTTPProbers: "true"
# SANITIZE_SET replaces a forged x-forwarded-client-cert. By default, Istio keeps it in front of the genuine element.
proxy.istio.io/config: |
  proxyHeaders:
    forwardedClientCert: SANITIZE_SET
  holdApplicationUntilProxyStarts: true
  drainDuration: {{ .Values.shutdown.drainSeconds }}s
  terminationDrainDuration: {{ include "billing-portal.proxyDrainSeconds" . }}s
{{- end }}
{{- end -}}
