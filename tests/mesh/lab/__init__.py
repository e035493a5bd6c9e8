"""A mesh on one machine without containers: a real Kubernetes API server, Istio's control plane, and Envoy sidecars.

- `cluster`: the API server and what is installed in it
- `sidecar`: Envoy under Istio's agent
- `pods`: takes the place of the kubelet and of the controllers of a Deployment
- `page`: the settings page in a real browser
- `load`: sends calls at a steady rate and records each of them
- `timeline`: measures the effect of a change on the calls

Everything runs in its own network, PID and mount namespaces, which `in_lab` in tests/mesh/tools.sh creates. All ports are
therefore free, nothing is reachable from outside, and the kernel ends all processes together with the first one.
"""
