// The principal token: how this backend tells the service, call by call, who is signed in.

import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";

export interface Person {
  id: string;
  tenant: string;
  role: string;
}

// Your login has a key already; this one is made at the start. Publish a new key one refresh before it signs.
export class Issuer {
  private constructor(
    private readonly key: CryptoKey,
    readonly keySet: { keys: JWK[] },
  ) {}

  static async create(): Promise<Issuer> {
    const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
    const jwk = { ...(await exportJWK(publicKey)), kid: "bff-1", alg: "EdDSA", use: "sig" };
    return new Issuer(privateKey, { keys: [jwk] });
  }

  // One token a call; it lives for a minute, and five are allowed.
  token(person: Person): Promise<string> {
    return new SignJWT({ tenant: person.tenant, role: person.role })
      .setProtectedHeader({ alg: "EdDSA", typ: "principal+jwt", kid: "bff-1" })
      .setIssuer("https://login.test")
      .setAudience("billing-portal")
      .setSubject(person.id)
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(this.key);
  }
}
