{{/* What an operator types in the middle of the night, off and back; NOTES.txt prints it, docs/rollback.md explains it. */}}

{{/* The patch of the route object in force; takes a dict of root and traffic, which is off, on or canary. */}}
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

{{/* The state of the one flag that the chart's own ConfigMap holds; takes a dict of root, from and to. */}}
{{- define "billing-portal.flagCommand" -}}
{{- $kubectl := printf "kubectl -n %s" .root.Release.Namespace -}}
{{ $kubectl }} get configmap {{ include "billing-portal.flagConfigMap" .root }} -o json | sed 's/{{ .from }}/{{ .to }}/' | {{ $kubectl }} replace -f -
{{- end -}}

{{/* Makes the kubelets write a changed ConfigMap at once. */}}
{{- define "billing-portal.annotateCommand" -}}
kubectl -n {{ .Release.Namespace }} annotate pods -l app.kubernetes.io/instance={{ .Release.Name }} --overwrite billing-portal/flag="$(date +%s)"
{{- end -}}
