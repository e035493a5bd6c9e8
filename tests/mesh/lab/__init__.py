"""A mesh on one machine without containers: a real Kubernetes API server, Istio's control plane, and Envoy sidecars.

`cluster` is the API server with what is installed in it, `sidecar` a proxy under Istio's agent, `pods` stands for a kubelet
and the controllers of a Deployment, `page` is the settings page in a real browser, `load` calls without end and remembers
each call, `timeline` says what a change did to the calls.

All of it runs in network, process and mount namespaces of its own (tests/mesh/drill makes them), so that ports are free,
nothing is reached from outside, and the kernel ends all of it together with the first process.
"""
