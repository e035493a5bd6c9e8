{{/* Names and labels. */}}

{{- define "billing-portal.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that every suffix that the chart appends still makes a name of 63. */}}
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

{{/* Of every pod of the release, whichever version. */}}
{{- define "billing-portal.selectorLabels" -}}
app.kubernetes.io/name: {{ include "billing-portal.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "billing-portal.labels" -}}
{{ include "billing-portal.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name, namespace and labels of an object; takes a list of the root and what is appended to the name. The values are
checked here, for it is what every object has first. */}}
{{- define "billing-portal.metadata" -}}
{{- $root := index . 0 -}}
{{- include "billing-portal.check" $root -}}
name: {{ include "billing-portal.fullname" $root }}{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "billing-portal.labels" $root | nindent 2 }}
{{- end -}}

{{/* The image of a track; takes a dict of root and track. A canary differs in its tag or digest only. */}}
{{- define "billing-portal.image" -}}
{{- $image := .root.Values.image -}}
{{- $own := ternary .root.Values.canary.image $image (eq .track "canary") -}}
{{- if $own.digest -}}
{{- printf "%s@%s" $image.repository $own.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($own.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The Service's full name, as every client in the mesh may spell it. */}}
{{- define "billing-portal.host" -}}
{{- printf "%s.%s.svc.%s" (include "billing-portal.fullname" .) .Release.Namespace .Values.clusterDomain -}}
{{- end -}}
