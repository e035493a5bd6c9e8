# Functions that build the mesh lab's programs into the same cache as tests/tools.sh, once per version. Source that file first.
#
# The programs are the Kubernetes API server, etcd, kubectl, and Istio's control plane, agent and istioctl. Building them takes
# about 15 minutes on two idle cores, so only `tests/run --long` needs them. Envoy is installed as a Python package.

kubernetes_version=1.36.3
etcd_version=v3.6.8
istio_version=v0.0.0-20260827124520-eed52ebb66ad # a snapshot of 1.31: Istio's release tags are not Go versions

# The modules that Kubernetes replaces with folders of its own repository. Other main modules must choose their versions.
kubernetes_staging="api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
code-generator component-base component-helpers controller-manager cri-api cri-client cri-streaming csi-translation-lib
dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler
kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller streaming"

# Builds at low priority, and never downloads another Go toolchain.
go_build() { GOFLAGS=-modcacherw GOTOOLCHAIN=local nice -n 10 go "$@"; }

# Builds in a module of its own, because Kubernetes needs `replace` directives and `go install` does not support them.
need_kubernetes() {
    local version="$kubernetes_version-etcd-$etcd_version" folder="$tools/kubernetes" module program edits=() flags=()
    is_installed "kubernetes-$version" && return
    need_go
    mkdir -p "$folder" "$tools/bin"
    for module in $kubernetes_staging; do
        edits+=("-replace=k8s.io/$module=k8s.io/$module@v0${kubernetes_version#1}")
    done
    (
        cd "$folder"
        printf 'module lab\n\ngo 1.26\n' >go.mod
        go mod edit "-require=k8s.io/kubernetes@v$kubernetes_version" "-require=go.etcd.io/etcd/server/v3@$etcd_version" \
            "${edits[@]}"
        # Only packages that are imported are in the module graph.
        {
            printf '//go:build tools\n\npackage lab\n\n'
            printf 'import _ "%s"\n' k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl go.etcd.io/etcd/server/v3
        } >lab.go
        # The version that the server reports; charts read it. A plain `go build` does not set it.
        flags=("gitVersion=v$kubernetes_version" gitMajor=1 "gitMinor=$(cut -d . -f 2 <<<"$kubernetes_version")")
        for program in kube-apiserver kubectl; do
            go_build build -mod=mod -ldflags "${flags[*]/#/-X k8s.io/component-base/version.}" -o "$tools/bin/$program" \
                "k8s.io/kubernetes/cmd/$program"
        done
        go_build build -mod=mod -o "$tools/bin/etcd" go.etcd.io/etcd/server/v3
    )
    mark_installed "kubernetes-$version"
}

need_istio() {
    local program
    for program in pilot/cmd/pilot-discovery pilot/cmd/pilot-agent istioctl/cmd/istioctl; do
        is_installed "${program##*/}-$istio_version" && continue
        need_go
        GOBIN="$tools/bin" go_build install "istio.io/istio/$program@$istio_version"
        mark_installed "${program##*/}-$istio_version"
    done
}

need_mesh() {
    need_kubernetes
    need_istio
    # Envoy, and the lab's Python packages.
    need_envoy
    { have openssl && have ip && have unshare; } || debian_packages openssl iproute2 util-linux
    # The modules contain the CRDs and Envoy's bootstrap template.
    ISTIO_SOURCE="$(go_module "istio.io/istio@$istio_version")"
    GATEWAY_API_SOURCE="$(go_module "sigs.k8s.io/gateway-api@$gateway_api_version")"
    ENVOY="$(readlink -f "$tools/bin/envoy")"
    export ISTIO_SOURCE GATEWAY_API_SOURCE ENVOY
}

# Runs a Python program of the lab in new network, PID and mount namespaces, so that it changes nothing outside. When the first
# process exits, the kernel ends all others and discards the in-memory file system.
in_lab() {
    local own_user=()
    [ "$(id -u)" = 0 ] || own_user=(--user --map-root-user)
    LAB="$(mktemp -d)"
    export LAB
    lab=""
    trap '[ -z "$lab" ] || kill -KILL "$lab" 2>/dev/null || true; rmdir "$LAB"' EXIT
    trap 'exit 130' INT TERM
    # In the background, because bash handles a signal only after a foreground command has ended.
    unshare "${own_user[@]}" --mount --net --pid --fork --kill-child --mount-proc \
        sh -euc 'mount -t tmpfs lab "$LAB"; exec "$@"' sh "$tools/mesh/bin/python" -B -u "$@" </dev/null &
    lab=$!
    wait "$lab"
    lab=""
    rmdir "$LAB"
    trap - EXIT INT TERM
}
