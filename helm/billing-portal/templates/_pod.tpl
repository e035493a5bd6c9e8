{{/* The pod template of a track. Takes a dict with root and track. */}}
{{- define "billing-portal.pod" -}}
{{- $values := .root.Values -}}
{{- $files := include "billing-portal.files" .root | fromYaml -}}
{{- $probePort := $values.healthPort | default 50051 | int -}}
{{- $hasSql := or $values.database.tenantsSql $values.database.ownersSql -}}
metadata:
  labels:
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- /* Without the chart's version, so that a new chart version alone does not restart the pods. */}}
    {{- include "billing-portal.trackLabels" . | nindent 4 }}
    {{- with include "billing-portal.meshLabels" . }}{{ . | nindent 4 }}{{ end }}
  annotations:
    {{- with $values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
    kubectl.kubernetes.io/default-container: billing-portal
    {{- with include "billing-portal.meshAnnotations" .root }}{{ . | nindent 4 }}{{ end }}
    {{- if $hasSql }}
    # The service reads SELECT statements at startup only, so a change must restart the pods. It also reads trusted CAs at
    # startup only, but the chart does not manage their ConfigMap. All other mounted files are reloaded.
    checksum/sql: {{ list $values.database.tenantsSql $values.database.ownersSql | toJson | sha256sum }}
    {{- end }}
spec:
  serviceAccountName: {{ include "billing-portal.serviceAccountName" .root | quote }}
  automountServiceAccountToken: false
  # Service links would add BILLING_PORTAL_* variables for the Service, which have the prefix of the settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "billing-portal.gracePeriodSeconds" .root }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    # Lets the process read the mounted Secrets, which only root and this group can read.
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
        {{- with $values.healthPort }}
        - {name: health, containerPort: {{ . }}, protocol: TCP}
        {{- end }}
      # The empty service name reports readiness: keys and database were reached once, and the service is not draining. Later
      # outages of Stripe or the database do not change it. If the database is down at startup, the pod restarts every five
      # minutes.
      startupProbe: {grpc: {port: {{ $probePort }}, service: ""}, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 150}
      readinessProbe: {grpc: {port: {{ $probePort }}, service: ""}, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2}
      livenessProbe: {grpc: {port: {{ $probePort }}, service: ""}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
      lifecycle:
        # Calls arrive until every client has removed the endpoint. The sleep action needs no program in the image.
        preStop: {sleep: {seconds: {{ $values.shutdown.preStopSeconds }}}}
  volumes:
    {{- range $name, $source := $files }}
    {{- with $source.secret }}
    # 288 is 0440. YAML 1.1 and 1.2 write octal numbers differently.
    - {name: {{ $name }}, secret: {secretName: {{ .name | quote }}, defaultMode: 288, items: {{ include "billing-portal.items" . }}}}
    {{- end }}
    {{- with $source.configMap }}
    - {name: {{ $name }}, configMap: {name: {{ .name | quote }}, items: {{ include "billing-portal.items" . }}}}
    {{- end }}
    {{- end }}
    {{- if $hasSql }}
    - {name: sql, configMap: {name: {{ printf "%s-sql" (include "billing-portal.fullname" .root) | quote }}}}
    {{- end }}
  {{- include "billing-portal.scheduling" . | nindent 2 }}
{{- end -}}

{{/* The items of a volume, as JSON. Takes a dict with key or keys. */}}
{{- define "billing-portal.items" -}}
{{- $items := list -}}
{{- range .keys | default (list .key) }}{{ $items = append $items (dict "key" . "path" .) }}{{ end -}}
{{- toJson $items -}}
{{- end -}}

{{/* The security context of every container: no privileges, and a read-only root file system. */}}
{{- define "billing-portal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The fields that the service and the check container share: the same image with the same settings and files. */}}
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

{{/* Scheduling constraints of the pods. */}}
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
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Labels of the pods of one track. */}}
{{- define "billing-portal.trackLabels" -}}
{{ include "billing-portal.selectorLabels" .root }}
track: {{ .track }}
{{- end -}}
