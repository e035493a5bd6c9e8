//! Compiles the proto without `protoc`: protox parses it, prost and tonic generate from the descriptor set, and the same
//! set is what server reflection answers.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["billing/portal/v1/billing_portal.proto"], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("billing_portal.descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Clients bring their own channel; the service needs none.
        .build_transport(false)
        // The response holds the session's URL, a bearer secret: its Debug is written by hand in src/grpc/proto.rs.
        .skip_debug(["billing.portal.v1.CreatePortalSessionResponse"])
        .compile_fds(descriptors)?;
    Ok(())
}
