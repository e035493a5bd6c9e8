//! Compiles the proto without `protoc`: protox parses it, and prost and tonic generate code from the descriptor set. Server
//! reflection serves the same descriptor set.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["billing/portal/v1/billing_portal.proto"], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("billing_portal.descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Clients provide their own channel; the service does not need one.
        .build_transport(false)
        // The response contains the session URL, a bearer secret: src/grpc/proto.rs implements its Debug by hand.
        .skip_debug(["billing.portal.v1.CreatePortalSessionResponse"])
        .compile_fds(descriptors)?;
    Ok(())
}
