# syntax=docker/dockerfile:1
# Builds an image of the service without a shell or package manager. It does not run as root. The image does not contain
# billing-portal-backfill, so that a pod has no code that writes to Stripe's customers.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" -t billing-portal .
#
# For production builds, pin both base images by digest: `--build-arg BUILDER=rust:1.95-bookworm@sha256:…` and
# `--build-arg RUNTIME=gcr.io/distroless/cc-debian12:nonroot@sha256:…`. tests/image reads this file and tests the result
# without a container engine.
ARG BUILDER=rust:1.95-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

# This image includes the C compiler; no packages are installed.
FROM ${BUILDER} AS build
WORKDIR /src
# Builds only the dependencies, with empty sources for the crates of this repository, so that the layer is reused until a
# manifest or the lock file changes. The simulator is for tests only and stays empty.
COPY Cargo.toml Cargo.lock ./
COPY tests/stripe-simulator/Cargo.toml tests/stripe-simulator/
RUN mkdir -p src tests/suite tests/stripe-simulator/src \
    && echo '//! Empty.' | tee src/lib.rs tests/suite/main.rs tests/stripe-simulator/src/lib.rs >/dev/null \
    && printf '//! Empty.\nfn main() {}\n' | tee src/main.rs build.rs >/dev/null \
    && cargo build --release --locked --bin billing-portal \
    && rm -r src build.rs
COPY . .
# Cargo compares modification times, and the copied files may be older than the empty ones.
RUN touch build.rs src/lib.rs src/main.rs && cargo build --release --locked --bin billing-portal

# Contains the C library, libgcc, public CA certificates, time zones, and the users root and nonroot.
FROM ${RUNTIME}
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="billing-portal" \
    org.opencontainers.image.description="Lets tenant owners open Stripe's hosted billing portal for their own tenant." \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
COPY --from=build --chown=0:0 --chmod=0555 /src/target/release/billing-portal /billing-portal
# Numeric, because runAsNonRoot in Kubernetes cannot verify a user name.
USER 65532:65532
EXPOSE 50051
ENTRYPOINT ["/billing-portal"]
