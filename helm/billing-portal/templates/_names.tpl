{{/* Names and labels. */}}

{{- define "billing-portal.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that names with the chart's suffixes stay below the limit of 63. */}}
{{- define "billing-portal.fullname" -}}
{{- $name := include "billing-portal.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "billing-portal.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "billing-portal.fullname" .) -}}
{{- end -}}

{{/* Labels common to all pods of the release, stable and canary. */}}
{{- define "billing-portal.selectorLabels" -}}
app.kubernetes.io/name: {{ include "billing-portal.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "billing-portal.labels" -}}
{{ include "billing-portal.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
Name, namespace and labels of an object. Takes a list of the root and the name's suffix. Also checks the values, because every
object includes this template first.
*/}}
{{- define "billing-portal.metadata" -}}
{{- $root := index . 0 -}}
{{- include "billing-portal.check" $root -}}
name: {{ printf "%s%s" (include "billing-portal.fullname" $root) (index . 1) | quote }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- include "billing-portal.labels" $root | nindent 2 }}
{{- end -}}

{{/* The image of a track. Takes a dict with root and track. Both tracks use the same repository. */}}
{{- define "billing-portal.image" -}}
{{- $image := .root.Values.image -}}
{{- $trackImage := ternary .root.Values.canary.image $image (eq .track "canary") -}}
{{- if $trackImage.digest -}}
{{- printf "%s@%s" $image.repository $trackImage.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($trackImage.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The fully qualified domain name of the Service. */}}
{{- define "billing-portal.host" -}}
{{- printf "%s.%s.svc.%s" (include "billing-portal.fullname" .) .Release.Namespace .Values.clusterDomain -}}
{{- end -}}
