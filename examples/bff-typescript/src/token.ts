// The principal token, which this backend sends with every call to identify the signed-in person.

import { importPKCS8, SignJWT, type CryptoKey } from "jose";

export interface Person {
  id: string;
  tenant: string;
  role: string;
}

// Signs the tokens. Your login service already has such a key, and publishes its public key to the service.
export class Issuer {
  private constructor(
    private readonly issuer: string,
    private readonly audience: string,
    private readonly key: CryptoKey,
    private readonly keyId: string,
  ) {}

  // Takes the private key in PKCS#8 as PEM.
  static async create(issuer: string, audience: string, pem: string, keyId: string): Promise<Issuer> {
    return new Issuer(issuer, audience, await importPKCS8(pem, "EdDSA"), keyId);
  }

  // Returns a token for one call. It is valid for one minute; the service allows up to five.
  token(person: Person): Promise<string> {
    return new SignJWT({ tenant: person.tenant, role: person.role })
      .setProtectedHeader({ alg: "EdDSA", typ: "principal+jwt", kid: this.keyId })
      .setIssuer(this.issuer)
      .setAudience(this.audience)
      .setSubject(person.id)
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(this.key);
  }
}
