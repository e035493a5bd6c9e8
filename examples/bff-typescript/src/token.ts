// The principal token, which this backend sends with every call to identify the signed-in person.

import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";

export interface Person {
  id: string;
  tenant: string;
  role: string;
}

// Your login service already has a key; this example generates one at startup. Publish a new key at least one refresh
// interval before you sign with it.
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

  // Returns a token for one call. It is valid for one minute; the service allows up to five.
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
