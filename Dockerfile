# syntax=docker/dockerfile:1
# The service in an image without a shell, a package manager or root.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" -t billing-portal .
#
# Pin both bases by digest where you build for real: `--build-arg BUILDER=rust:1.95-bookworm@sha256:…` and
# `--build-arg RUNTIME=gcr.io/distroless/cc-debian12:nonroot@sha256:…`. tests/image checks what this file describes without
# a container engine, and reads it to do so.
ARG BUILDER=rust:1.95-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

# Rust, and the C compiler that comes with it; nothing is installed.
FROM ${BUILDER} AS build
WORKDIR /src
# The dependencies alone, in a layer that stays until the lock file changes: every crate of ours is an empty one,
# and the simulator, which is only for tests, remains so.
COPY Cargo.toml Cargo.lock ./
COPY tests/stripe-simulator/Cargo.toml tests/stripe-simulator/
RUN mkdir -p src tests/suite tests/stripe-simulator/src \
    && echo '//! Empty.' | tee src/lib.rs tests/suite/main.rs tests/stripe-simulator/src/lib.rs >/dev/null \
    && printf '//! Empty.\nfn main() {}\n' | tee src/main.rs build.rs >/dev/null \
    && cargo build --release --locked --bin billing-portal \
    && rm -r src build.rs
COPY . .
# Cargo compares times, and those of a copy may lie before the empty files'.
RUN touch build.rs src/lib.rs src/main.rs && cargo build --release --locked --bin billing-portal

# The C library, libgcc, certificates of public authorities, time zones, and the users root and nonroot.
FROM ${RUNTIME}
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="billing-portal" \
    org.opencontainers.image.description="Lets the owner of a tenant open Stripe's hosted billing portal, for their own tenant and no other." \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
COPY --from=build --chown=0:0 --chmod=0555 /src/target/release/billing-portal /billing-portal
# By number, for Kubernetes can't tell that a name is not root.
USER 65532:65532
EXPOSE 50051
ENTRYPOINT ["/billing-portal"]
