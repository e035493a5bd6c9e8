{{/* The pod of one track; takes a dict of root and track. */}}
{{- define "billing-portal.pod" -}}
{{- $values := .root.Values -}}
{{- $files := include "billing-portal.files" .root | fromYaml -}}
{{- $hasSql := or $values.database.tenantsSql $values.database.ownersSql -}}
metadata:
  labels:
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- /* No version of the chart, or each of its releases would restart the pods for nothing. */}}
    {{- include "billing-portal.trackLabels" . | nindent 4 }}
    {{- include "billing-portal.meshLabels" . | nindent 4 }}
  annotations:
    {{- with $values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
    kubectl.kubernetes.io/default-container: billing-portal
    {{- include "billing-portal.meshAnnotations" .root | nindent 4 }}
    {{- if $hasSql }}
    # The statements are read once, at the start. So are authorities, which are not the chart's; everything else that is mounted is
    # read again, and needs no restart.
    checksum/sql: {{ list $values.database.tenantsSql $values.database.ownersSql | toJson | sha256sum }}
    {{- end }}
spec:
  serviceAccountName: {{ include "billing-portal.serviceAccountName" .root }}
  automountServiceAccountToken: false
  # Kubernetes would inject BILLING_PORTAL_* variables for the Service, beside the settings of the same prefix.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "billing-portal.gracePeriodSeconds" .root }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    # So that the process may read the Secrets' files, which are nobody else's.
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets: {{ toJson . }}
  {{- end }}
  {{- if $values.checkBeforeStart }}
  initContainers:
    - name: check
      args: [check]
      {{- include "billing-portal.container" . | nindent 6 }}
  {{- end }}
  containers:
    - name: billing-portal
      {{- include "billing-portal.container" . | nindent 6 }}
      ports:
        - {name: grpc, containerPort: 50051, protocol: TCP}
      # The empty service name is readiness: keys and database were reached once, and no drain. It never turns for Stripe or
      # the database. So a database that is down at the start costs a restart every five minutes, and one that fails later none.
      startupProbe: {grpc: {port: 50051, service: ""}, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 150}
      readinessProbe: {grpc: {port: 50051, service: ""}, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2}
      livenessProbe: {grpc: {port: 50051, service: ""}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
      lifecycle:
        # Calls still come until every client has forgotten the endpoint. Kubernetes sleeps, for the image has no program that does.
        preStop: {sleep: {seconds: {{ $values.shutdown.preStopSeconds }}}}
  volumes:
    {{- range $name, $source := $files }}
    {{- with $source.secret }}
    # 288 is 0440, for YAML's versions disagree on octal numbers.
    - {name: {{ $name }}, secret: {secretName: {{ .name }}, defaultMode: 288, items: [{key: {{ .key }}, path: {{ .key }}}]}}
    {{- end }}
    {{- with $source.configMap }}
    - {name: {{ $name }}, configMap: {name: {{ .name }}, items: [{key: {{ .key }}, path: {{ .key }}}]}}
    {{- end }}
    {{- end }}
    {{- if $hasSql }}
    - {name: sql, configMap: {name: {{ include "billing-portal.fullname" .root }}-sql}}
    {{- end }}
  {{- include "billing-portal.scheduling" . | nindent 2 }}
{{- end -}}

{{/* Of every container that the chart starts: no rights, and nothing to write to. */}}
{{- define "billing-portal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What the service and its check have in common: the same program, with the same settings. */}}
{{- define "billing-portal.container" -}}
{{- $values := .root.Values -}}
image: {{ include "billing-portal.image" . | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
securityContext:
  {{- include "billing-portal.containerSecurity" .root | nindent 2 }}
env:
  {{- include "billing-portal.environment" .root | trim | nindent 2 }}
resources: {{ toJson $values.resources }}
volumeMounts:
  {{- range $name, $_ := include "billing-portal.files" .root | fromYaml }}
  - {name: {{ $name }}, mountPath: /etc/billing-portal/{{ $name }}, readOnly: true}
  {{- end }}
  {{- if or $values.database.tenantsSql $values.database.ownersSql }}
  - {name: sql, mountPath: /etc/billing-portal/sql, readOnly: true}
  {{- end }}
{{- end -}}

{{/* Where pods may run, and how they spread. */}}
{{- define "billing-portal.scheduling" -}}
{{- $values := .root.Values -}}
topologySpreadConstraints:
  {{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "billing-portal.trackLabels" $ | fromYaml | toJson }}}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
  {{- end }}
{{- range $name := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $values $name }}
{{ $name }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Of the pods of one track. */}}
{{- define "billing-portal.trackLabels" -}}
{{ include "billing-portal.selectorLabels" .root }}
track: {{ .track }}
{{- end -}}
