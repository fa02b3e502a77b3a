{{- define "thalamus.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "thalamus.selector" -}}
app.kubernetes.io/name: thalamus
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "thalamus.metadata" -}}
name: {{ include "thalamus.name" . }}
labels:
  {{- include "thalamus.selector" . | nindent 2 }}
{{- end }}

{{- define "thalamus.image" -}}
{{- $tag := .Values.image.tag | default (gt (int .Values.gpu.count) 0 | ternary "gpu" "cpu") -}}
{{- .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{- define "thalamus.keysSecret" -}}
{{- if .Values.keys.content }}{{ include "thalamus.name" . }}-keys{{ else }}{{ .Values.keys.existingSecret }}{{ end }}
{{- end }}

{{- /* A quantity of memory in MiB: whole Mi or Gi. */}}
{{- define "thalamus.mebibytes" -}}
{{- if hasSuffix "Gi" . }}{{ trimSuffix "Gi" . | int | mul 1024 }}
{{- else if hasSuffix "Mi" . }}{{ trimSuffix "Mi" . | int }}
{{- else }}{{ fail (printf "resources: expected memory in whole Mi or Gi, such as 4Gi, got %q" .) }}
{{- end }}
{{- end }}

{{- /* Mistakes that a schema cannot see. */}}
{{- define "thalamus.check" -}}
{{- $limit := include "thalamus.mebibytes" .Values.resources.limits.memory | int }}
{{- $request := include "thalamus.mebibytes" .Values.resources.requests.memory | int }}
{{- $workers := .Values.workers | int }}
{{- if gt (mul $workers 1024) $limit }}
{{- fail (printf "workers: %d workers need %dGi, and resources.limits.memory is %s: lower the one or raise the other" $workers $workers .Values.resources.limits.memory) }}
{{- end }}
{{- if gt (mul $workers 512) $request }}
{{- fail (printf "workers: %d workers rest at up to %dMi, and resources.requests.memory is %s: a node would be overcommitted" $workers (mul $workers 512) .Values.resources.requests.memory) }}
{{- end }}
{{- if not (or .Values.keys.content .Values.keys.existingSecret .Values.anonymous) }}
{{- fail "keys: give keys.existingSecret or keys.content; or say anonymous: true, and everybody who reaches the port may ask" }}
{{- end }}
{{- if and .Values.anonymous (or .Values.keys.content .Values.keys.existingSecret) }}
{{- fail "anonymous: true needs keys.existingSecret and keys.content to be empty" }}
{{- end }}
{{- if and (has .Values.models.source (list "copy" "imageVolume")) (not .Values.models.image) }}
{{- fail (printf "models.source: %s needs models.image" .Values.models.source) }}
{{- end }}
{{- if and (eq .Values.models.source "claim") (not .Values.models.claim) }}
{{- fail "models.source: claim needs models.claim" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (.Values.autoscaling.min | int) (.Values.autoscaling.max | int)) }}
{{- fail "autoscaling: min is more than max" }}
{{- end }}
{{- end }}

{{- /* The mean wait of a pod's slowest model, in PromQL. It is that of deploy/prometheus-adapter.yaml. */}}
{{- define "thalamus.wait" -}}
{{- $pods := printf "namespace=%q,pod=~\"%s-[a-z0-9]+-[a-z0-9]+\"" .Release.Namespace (include "thalamus.name" .) -}}
avg(max by (pod) (
  (sum by (pod, model) (rate(thalamus_stage_seconds_sum{stage="queue",{{ $pods }}}[1m]))
    + sum by (pod, model) (rate(thalamus_refusals_total{reason="queue_full",{{ $pods }}}[1m])))
  / clamp_min(sum by (pod, model) (rate(thalamus_stage_seconds_count{stage="queue",{{ $pods }}}[1m]))
    + sum by (pod, model) (rate(thalamus_refusals_total{reason="queue_full",{{ $pods }}}[1m])), 1e-9)))
{{- end }}

{{- /* How fast an autoscaler moves; docs/simulation.md compares. */}}
{{- define "thalamus.behavior" -}}
scaleUp:
  policies:
    - {type: Percent, value: {{ .Values.autoscaling.upPercent }}, periodSeconds: 60}
scaleDown:
  stabilizationWindowSeconds: {{ .Values.autoscaling.downAfter }}
  policies:
    - {type: Percent, value: {{ .Values.autoscaling.downPercent }}, periodSeconds: 60}
{{- end }}
