# Sourced after tests/tools.sh: builds the mesh lab's programs into the same cache, once per version.
#
# A Kubernetes API server with its etcd, Istio's control plane, its agent, and Envoy. Go builds them from source in about
# 15 minutes on two idle cores, which is why only `tests/run --long` asks for them.

kubernetes_version=1.36.3
etcd_version=v3.6.8
istio_version=v0.0.0-20260827124520-eed52ebb66ad # Istio's release tags are no Go versions; this is a snapshot of 1.31

# The modules that Kubernetes takes from its own tree, and that everybody else has to name.
kubernetes_staging="api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
code-generator component-base component-helpers controller-manager cri-api cri-client cri-streaming csi-translation-lib
dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler
kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller streaming"

# One build at a time, behind whatever else the machine does.
go_build() { GOFLAGS=-modcacherw GOTOOLCHAIN=local nice -n 10 go "$@"; }

# A module of its own, because `go install` takes no `replace` directives and Kubernetes can't be built without.
need_kubernetes() {
    local version="$kubernetes_version-etcd-$etcd_version" folder="$tools/kubernetes" module program edits=() told=()
    stamped "kubernetes-$version" && return
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
        # Only a package that is imported is in the module graph.
        {
            printf '//go:build tools\n\npackage lab\n\n'
            printf 'import _ "%s"\n' k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl go.etcd.io/etcd/server/v3
        } >lab.go
        # What a server says that it is: charts ask, and without these it does not know.
        told=("gitVersion=v$kubernetes_version" gitMajor=1 "gitMinor=$(cut -d . -f 2 <<<"$kubernetes_version")")
        for program in kube-apiserver kubectl; do
            go_build build -mod=mod -ldflags "${told[*]/#/-X k8s.io/component-base/version.}" -o "$tools/bin/$program" \
                "k8s.io/kubernetes/cmd/$program"
        done
        go_build build -mod=mod -o "$tools/bin/etcd" go.etcd.io/etcd/server/v3
    )
    stamp "kubernetes-$version"
}

need_istio() {
    local program
    for program in pilot/cmd/pilot-discovery pilot/cmd/pilot-agent istioctl/cmd/istioctl; do
        stamped "${program##*/}-$istio_version" && continue
        need_go
        GOBIN="$tools/bin" go_build install "istio.io/istio/$program@$istio_version"
        stamp "${program##*/}-$istio_version"
    done
}

need_mesh() {
    need_kubernetes
    need_istio
    # Envoy, and what the lab is written with.
    need_python_for mesh
    { have openssl && have ip && have unshare; } || debian_packages openssl iproute2 util-linux
    # The objects' schemas and Envoy's bootstrap template come with the modules.
    ISTIO_SOURCE="$(go_module "istio.io/istio@$istio_version")"
    GATEWAY_API_SOURCE="$(go_module "sigs.k8s.io/gateway-api@$gateway_api_version")"
    ENVOY="$(echo "$tools"/mesh/lib/python*/site-packages/envoy/_bin/envoy)"
    export ISTIO_SOURCE GATEWAY_API_SOURCE ENVOY
}

# Runs a program of the lab with network, processes and mounts of its own: nothing outside is touched, and whatever ends the
# first process ends all of them and takes the file system in memory along.
in_lab() {
    local own_user=()
    [ "$(id -u)" = 0 ] || own_user=(--user --map-root-user)
    LAB="$(mktemp -d)"
    export LAB
    lab=""
    trap '[ -z "$lab" ] || kill -KILL "$lab" 2>/dev/null || true; rmdir "$LAB"' EXIT
    trap 'exit 130' INT TERM
    # In the background, so that a signal is heard at once.
    unshare "${own_user[@]}" --mount --net --pid --fork --kill-child --mount-proc \
        sh -euc 'mount -t tmpfs lab "$LAB"; exec "$@"' sh "$tools/mesh/bin/python" -B -u "$@" </dev/null &
    lab=$!
    wait "$lab"
    lab=""
    rmdir "$LAB"
    trap - EXIT INT TERM
}
