//! Compiles the proto without `protoc`: protox parses it, and prost and tonic generate code from the descriptor set. Server
//! reflection serves the same descriptor set.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).open_file("billing/portal/v1/billing_portal.proto")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // The compiler's own encoding keeps options that prost's types do not have, such as `debug_redact`.
    fs::write(out.join("billing_portal.descriptors.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        // Clients provide their own channel; the service does not need one.
        .build_transport(false)
        // The response contains the session URL, a bearer secret: src/grpc/proto.rs implements its Debug by hand.
        .skip_debug(["billing.portal.v1.CreatePortalSessionResponse"])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
