// The two calls to the service. Each has a deadline and is made once: the service retries its calls to Stripe where
// that is safe, and the person can click again.

import { loadPackageDefinition, Metadata, type ChannelCredentials, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";
import type { ProtoGrpcType } from "./proto/billing_portal.js";
import { refusal, sentence, type Refusal } from "./refusal.js";
import type { Issuer, Person } from "./token.js";

const PROTO = fileURLToPath(new URL("../../../proto/billing/portal/v1/billing_portal.proto", import.meta.url));
const { billing } = loadPackageDefinition(loadSync(PROTO, { longs: Number, enums: String, defaults: true })) as unknown as ProtoGrpcType;
const { BillingPortal, PortalAccess } = billing.portal.v1;

// What a button opens.
export type Action = "portal" | "payment_method_update";

export class Billing {
  private readonly portal;
  private readonly access;

  constructor(
    service: string,
    connection: ChannelCredentials,
    private readonly issuer: Issuer,
    private readonly page: string,
  ) {
    const options = { "grpc.enable_retries": 0 };
    this.portal = new BillingPortal(service, connection, options);
    this.access = new PortalAccess(service, connection, options);
  }

  // Resolves to undefined to show the buttons, otherwise to the sentence to show instead. The buttons are shown only if
  // the service returns `visible`.
  async section(person: Person): Promise<string | undefined> {
    const metadata = await this.metadata(person);
    return new Promise((resolve) => {
      const request = { displayedTenantId: person.tenant };
      this.access.getPortalAccess(request, metadata, within(2), (error, response) => {
        if (error) resolve(refusal("GetPortalAccess", error).sentence);
        else if (response?.visible) resolve(undefined);
        else resolve(sentence(response?.reason?.replace("REASON_", "")));
      });
    });
  }

  // Creates a portal session. Its URL grants access to anyone who has it: use it only for the redirect.
  async open(
    person: Person,
    action: Action,
    displayedTenant: string,
    locale: string,
  ): Promise<{ url: string } | Refusal> {
    const metadata = await this.metadata(person);
    return new Promise((resolve) => {
      const request = { ...this.target(action), displayedTenantId: displayedTenant, locale };
      this.portal.createPortalSession(request, metadata, within(12), (error: ServiceError | null, response) => {
        if (response?.url) resolve({ url: response.url });
        else resolve(error ? refusal("CreatePortalSession", error) : { sentence: sentence() });
      });
    });
  }

  // The page to open, and where Stripe sends the person back.
  private target(action: Action) {
    const back = (marker: string) => `${this.page}?billing=${marker}`;
    if (action === "portal") return { returnUrl: back("returned") };
    return {
      paymentMethodUpdate: {},
      returnUrl: back("payment-method-not-updated"),
      completedUrl: back("payment-method-updated"),
    };
  }

  private async metadata(person: Person): Promise<Metadata> {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${await this.issuer.token(person)}`);
    return metadata;
  }
}

function within(seconds: number): { deadline: Date } {
  return { deadline: new Date(Date.now() + seconds * 1000) };
}
