{{/* What makes the pod one of the mesh's. */}}

{{/* Who may ask for health and reflection: the pod of `helm test`, and mesh.smokeCaller. A list, as JSON. */}}
{{- define "billing-portal.smokeCallers" -}}
{{- $test := printf "%s-test" (include "billing-portal.fullname" .) -}}
{{- $callers := list (dict "namespace" .Release.Namespace "serviceAccount" $test "podLabels" (dict "app.kubernetes.io/name" $test)) -}}
{{- with .Values.mesh.smokeCaller }}{{ $callers = append $callers . }}{{ end -}}
{{- toJson $callers -}}
{{- end -}}

{{/* What makes Istio inject a pod; Linkerd takes an annotation. */}}
{{- define "billing-portal.injectionLabels" -}}
{{- if eq .Values.mesh.provider "istio" -}}
sidecar.istio.io/inject: "true"
{{- with .Values.mesh.istio.revision }}
istio.io/rev: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* As a native sidecar, the proxy starts before its pod's program and ends after it: no call of a start or a drain is lost, and
no proxy outlives a test. */}}
{{- define "billing-portal.nativeSidecar" -}}
{{- if eq .Values.mesh.provider "istio" -}}
sidecar.istio.io/nativeSidecar: "true"
{{- else -}}
linkerd.io/inject: enabled
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
{{- end }}
{{- end -}}

{{/* Of the service's pods; takes a dict of root and track. */}}
{{- define "billing-portal.meshLabels" -}}
{{- include "billing-portal.injectionLabels" .root }}
{{- if eq .root.Values.mesh.provider "istio" }}
# What Istio's own metrics call the pods, so that a canary can be compared there.
service.istio.io/canonical-name: {{ include "billing-portal.fullname" .root }}
service.istio.io/canonical-revision: {{ .track }}
{{- end }}
{{- end -}}

{{- define "billing-portal.meshAnnotations" -}}
{{- include "billing-portal.nativeSidecar" . }}
{{- if eq .Values.mesh.provider "istio" }}
# The kubelet has no certificate; the sidecar's agent asks in its place, past the mesh's policies.
sidecar.istio.io/rewriteAppHTTPProbers: "true"
# SANITIZE_SET drops a forged x-forwarded-client-cert; by default a forged one reaches the service in front of the true one.
proxy.istio.io/config: |
  proxyHeaders:
    forwardedClientCert: SANITIZE_SET
  holdApplicationUntilProxyStarts: true
  drainDuration: {{ .Values.shutdown.drainSeconds }}s
  terminationDrainDuration: {{ include "billing-portal.proxyDrainSeconds" . }}s
{{- end }}
{{- end -}}
