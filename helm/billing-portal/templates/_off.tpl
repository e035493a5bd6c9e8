{{/* Commands that switch the feature off and back. NOTES.txt prints them; docs/operate.md explains them. */}}

{{/* Patches the route object. Takes a dict with root and traffic (off, on or canary). */}}
{{- define "billing-portal.routeCommand" -}}
{{- $kind := ternary "virtualservice" "grpcroute" (eq .root.Values.mesh.route "virtualService") -}}
{{- $patch := dict "op" "replace" "path" "/spec/rules/0/backendRefs" "value" (include "billing-portal.backends" . | fromJsonArray) -}}
{{- if eq $kind "virtualservice" -}}
{{- $patch = dict "op" "remove" "path" "/spec/http/0/fault" -}}
{{- if eq .traffic "off" -}}
{{- $patch = dict "op" "add" "path" "/spec/http/0/fault" "value" (include "billing-portal.fault" . | fromJson) -}}
{{- end -}}
{{- end -}}
kubectl -n {{ .root.Release.Namespace }} patch {{ $kind }} {{ include "billing-portal.fullname" .root }} --type json -p '{{ list $patch | toJson }}'
{{- end -}}

{{/* Changes the state of the flag in the chart's ConfigMap. Takes a dict with root, from and to. */}}
{{- define "billing-portal.flagCommand" -}}
{{- $kubectl := printf "kubectl -n %s" .root.Release.Namespace -}}
{{ $kubectl }} get configmap {{ include "billing-portal.flagConfigMap" .root }} -o json | sed 's/{{ .from }}/{{ .to }}/' | {{ $kubectl }} replace -f -
{{- end -}}

{{/* Changes a pod annotation, which makes the kubelets update mounted ConfigMaps immediately. */}}
{{- define "billing-portal.annotateCommand" -}}
kubectl -n {{ .Release.Namespace }} annotate pods -l app.kubernetes.io/instance={{ .Release.Name }} --overwrite billing-portal/flag="$(date +%s)"
{{- end -}}
