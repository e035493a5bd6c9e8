// The connection to the service. With a mesh it is plain text: the mesh encrypts, and identifies this workload. Without a
// mesh, the certificate of this workload does.

import { credentials, experimental, type ChannelCredentials } from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

const NAMES = ["SERVICE_CERTIFICATE_FILE", "SERVICE_PRIVATE_KEY_FILE", "SERVICE_CA_FILE"];

export function connection(): ChannelCredentials {
  const [certificate, privateKey, ca] = NAMES.map((name) => process.env[name]);
  if (certificate && privateKey && ca) return mutualTls(certificate, privateKey, ca);
  if (NAMES.every((name) => process.env[name] === undefined)) return credentials.createInsecure();
  console.error(`set all of ${NAMES.join(", ")}, or none of them`);
  process.exit(1);
}

// The files are read again, because certificates are replaced before they expire.
function mutualTls(certificateFile: string, privateKeyFile: string, caCertificateFile: string): ChannelCredentials {
  // An error at the start is clearer than one in each call.
  const [cert, key, ca] = [certificateFile, privateKeyFile, caCertificateFile].map((file) => readFileSync(file));
  createSecureContext({ cert, key, ca });
  const files = { certificateFile, privateKeyFile, caCertificateFile, refreshIntervalMs: 1_000 };
  const provider = new experimental.FileWatcherCertificateProvider(files);
  return experimental.createCertificateProviderChannelCredentials(provider, provider);
}
