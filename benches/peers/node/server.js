// The service's two methods with the common libraries of Node.js. ../README.md says what this leaves out.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { DatabaseSync } from "node:sqlite";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { createLocalJWKSet, errors, jwtVerify } from "jose";
import Stripe from "stripe";

import { AuditLog } from "./audit.js";
import { parseFlag, watched } from "./files.js";
import { CODES, Refusal, statusOf } from "./refusal.js";
import { parseRequest } from "./request.js";

function fail(message) {
  console.error(`billing-portal-peer: ${message}`);
  process.exit(64);
}

const setting = (name) => process.env[name] || fail(`${name}: must be set`);
const list = (name) => new Set(setting(name).split(",").map((entry) => entry.trim()));

const issuer = setting("PRINCIPAL_ISSUER");
const audience = setting("PRINCIPAL_AUDIENCE");
const returnOrigins = list("RETURN_URL_ORIGINS");
const sessionHosts = list("STRIPE_SESSION_HOSTS");
const livemode = { live: true, test: false }[setting("STRIPE_MODE")] ?? fail("STRIPE_MODE: expected live or test");

const keys = watched(setting("PRINCIPAL_JWKS"), (text) => createLocalJWKSet(JSON.parse(text)));
if (!keys.value) fail("PRINCIPAL_JWKS: not a JSON Web Key Set");
const flag = watched(setting("FLAGS_FILE"), parseFlag);
const audit = await AuditLog.open(setting("AUDIT_FILE"));

const database = new DatabaseSync(setting("DATABASE_FILE"), { readOnly: true, timeout: 3_000 });
const lookUp = database.prepare(`
  WITH mapping AS MATERIALIZED (
    SELECT stripe_customer_id FROM billing_portal_tenants WHERE tenant_id = $tenant LIMIT 2
  )
  SELECT
    (SELECT count(*) FROM mapping) AS rows,
    (SELECT stripe_customer_id FROM mapping) AS customer,
    EXISTS (
      SELECT 1 FROM mapping CROSS JOIN billing_portal_tenants AS others USING (stripe_customer_id)
      WHERE others.tenant_id IS NOT $tenant
    ) AS is_shared,
    EXISTS (SELECT 1 FROM billing_portal_owners WHERE tenant_id = $tenant AND user_id = $user) AS is_owner`);

const stripe = connectToStripe();

function connectToStripe() {
  const key = readFileSync(setting("STRIPE_SECRET_KEY_FILE"), "utf8").trim();
  const isOfMode = (livemode ? /^[sr]k_live_/ : /^[sr]k_test_/).test(key);
  if (!isOfMode) fail("STRIPE_SECRET_KEY_FILE: not a key of STRIPE_MODE");
  const { protocol, hostname, port } = new URL(setting("STRIPE_API_BASE"));
  // An idle connection is kept for each call that may be in flight; Node's default closes those over 256.
  const agent = new (protocol === "https:" ? https : http).Agent({ keepAlive: true, maxFreeSockets: 5_000 });
  return new Stripe(key, {
    host: hostname,
    port: port || (protocol === "https:" ? 443 : 80),
    protocol: protocol.slice(0, -1),
    httpAgent: agent,
    timeout: 4_000,
    maxNetworkRetries: 2,
    telemetry: false,
  });
}

// Verifies the principal token.
async function authenticate(metadata) {
  const values = metadata.get("authorization");
  if (values.length === 0) throw new Refusal("TOKEN_MISSING");
  const token = /^Bearer ([\w.-]+)$/.exec(values[0])?.[1];
  if (values.length > 1 || !token || token.length > 8_192) throw new Refusal("TOKEN_INVALID");
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys.value, {
      issuer,
      audience,
      algorithms: ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"],
      typ: "principal+jwt",
      requiredClaims: ["sub", "iat", "exp"],
      clockTolerance: 5,
    });
    const { sub: user, tenant, role, iat, exp, aud } = payload;
    const isId = (value) => typeof value === "string" && /^[!-~]{1,255}$/.test(value);
    const isAcceptable =
      protectedHeader.typ === "principal+jwt" && typeof protectedHeader.kid === "string" &&
      iat <= Date.now() / 1_000 + 5 && exp > iat && exp - iat <= 300 && (typeof aud === "string" || aud.length === 1) &&
      isId(user) && isId(tenant) && typeof role === "string" && role !== "";
    if (!isAcceptable) throw new Refusal("TOKEN_INVALID");
    return { user, tenant, role };
  } catch (error) {
    throw new Refusal(error instanceof errors.JWTExpired ? "TOKEN_EXPIRED" : "TOKEN_INVALID", error);
  }
}

function checkDisplayedTenant(displayed, principal) {
  if (displayed && displayed !== principal.tenant) throw new Refusal("TENANT_MISMATCH");
}

// Checks role, flag and directory, and returns the tenant's customer.
function decide({ user, tenant, role }) {
  if (role !== "owner") throw new Refusal("NOT_OWNER");
  if (!flag.value?.(tenant)) throw new Refusal("FEATURE_DISABLED");
  let entry;
  try {
    entry = lookUp.get({ tenant, user });
  } catch (error) {
    throw new Refusal("DATABASE_UNAVAILABLE", error);
  }
  if (!entry.is_owner) throw new Refusal("NOT_OWNER");
  if (entry.rows > 1) throw new Refusal("MAPPING_INTEGRITY", "two rows");
  if (entry.customer === null || entry.customer === "") throw new Refusal("NO_BILLING_ACCOUNT");
  if (!/^cus_[A-Za-z0-9]{1,251}$/.test(entry.customer)) throw new Refusal("MAPPING_INTEGRITY", "malformed customer");
  if (entry.is_shared) throw new Refusal("MAPPING_INTEGRITY", "shared customer");
  return entry.customer;
}

function stripeRefusal(error, isSession) {
  const { statusCode: status, code, param = "", message = "" } = error;
  const isAbout = (name) => isSession && status === 400 && param.startsWith(name);
  const refusal = (reason, field) => new Refusal(reason, error, field);
  if (code === "livemode_mismatch" || status === 401 || status === 403) return refusal("STRIPE_CREDENTIALS");
  if (status === 409 || code === "lock_timeout") return refusal("STRIPE_CONFLICT");
  if (status === 429) return refusal("STRIPE_RATE_LIMITED");
  if (error instanceof Stripe.errors.StripeConnectionError || status >= 500) return refusal("STRIPE_UNAVAILABLE");
  const isMissing = code === "resource_missing";
  if (isMissing && (!isSession || param === "customer")) return refusal("BILLING_ACCOUNT_MISSING_AT_STRIPE");
  if (isAbout("flow_data")) return refusal("FLOW_INVALID");
  if (isAbout("return_url")) return refusal("RETURN_URL_NOT_ALLOWED", "return_url");
  if (isAbout("locale")) return refusal("LOCALE_INVALID", "locale");
  const isConfiguration = isAbout("configuration") || (isSession && message.includes("configuration"));
  return refusal(isConfiguration ? "PORTAL_NOT_CONFIGURED" : "STRIPE_PROTOCOL");
}

function check(member, matches) {
  if (!matches) throw new Refusal("STRIPE_RESPONSE_REJECTED", `${member} does not match the request`);
}

function checkCustomer(found, customer, tenant) {
  check("object", found.object === "customer");
  check("id", found.id === customer);
  if (found.deleted) throw new Refusal("BILLING_ACCOUNT_MISSING_AT_STRIPE", "deleted");
  check("livemode", found.livemode === livemode);
  const recorded = found.metadata?.tenant_id;
  if (typeof recorded !== "string" || recorded === "") throw new Refusal("TENANT_PROOF_MISSING");
  if (recorded !== tenant) throw new Refusal("MAPPING_INTEGRITY", "customer of another tenant");
}

function checkSession(session, customer, parameters) {
  check("object", session.object === "billing_portal.session");
  check("id", /^bps_[A-Za-z0-9]+$/.test(session.id));
  check("customer", session.customer === customer);
  check("livemode", session.livemode === livemode);
  check("return_url", session.return_url === parameters.return_url);
  check("on_behalf_of", (session.on_behalf_of ?? null) === null);
  check("after_expiration", (session.after_expiration ?? null) === null);
  const requested = parameters.flow_data;
  check("flow", session.flow?.type === requested?.type);
  if (requested) {
    const { after_completion: after, [requested.type]: details } = session.flow;
    check("flow.after_completion", after?.redirect?.return_url === requested.after_completion.redirect.return_url);
    check("flow.subscription", details?.subscription === requested[requested.type]?.subscription);
    const item = requested[requested.type]?.items?.[0] ?? {};
    check("flow.items", Object.entries(item).every(([name, value]) => details.items?.[0]?.[name] === value));
  }
  const url = URL.parse(session.url);
  const isAllowed =
    url && url.href === session.url && !url.username && !url.password &&
    (sessionHosts.has(url.origin) || (url.protocol === "https:" && sessionHosts.has(url.host)));
  check("url", isAllowed);
}

async function createPortalSession(call, facts) {
  const principal = await authenticate(call.metadata);
  Object.assign(facts, { subject: principal.user, tenant: principal.tenant, role: principal.role });
  if (principal.role !== "owner") throw new Refusal("NOT_OWNER");
  const parameters = parseRequest(call.request, returnOrigins);
  facts.flow = parameters.flow_data?.type ?? "home";
  checkDisplayedTenant(call.request.displayed_tenant_id, principal);
  const customer = decide(principal);
  facts.customer = customer;
  await audit.append({ event: "intent", ...facts }, true);

  const [found, created] = await Promise.allSettled([
    stripe.customers.retrieve(customer),
    stripe.billingPortal.sessions.create({ customer, ...parameters }, { idempotencyKey: randomUUID() }),
  ]);
  const session = created.value;
  // The audit names a session that was created, even if it is not released.
  facts.session = session?.id;
  facts.stripe_request_id = session?.lastResponse.requestId ?? created.reason?.requestId;
  if (found.reason) throw stripeRefusal(found.reason, false);
  checkCustomer(found.value, customer, principal.tenant);
  if (created.reason) throw stripeRefusal(created.reason, true);
  checkSession(session, customer, parameters);

  // Stripe may have taken seconds.
  flag.refresh();
  if (decide(principal) !== customer) throw new Refusal("MAPPING_INTEGRITY", "changed during the call");
  return { url: session.url };
}

async function getPortalAccess(call) {
  const principal = await authenticate(call.metadata);
  checkDisplayedTenant(call.request.displayed_tenant_id, principal);
  try {
    decide(principal);
    return { visible: true, reason: "REASON_ALLOWED" };
  } catch (error) {
    const shown = ["NOT_OWNER", "FEATURE_DISABLED", "NO_BILLING_ACCOUNT"];
    if (shown.includes(error.reason)) return { visible: false, reason: `REASON_${error.reason}` };
    throw error;
  }
}

// Turns what a handler throws into a status with an ErrorInfo, and logs the failures that an operator has to know.
function refused(error, requestId, callback) {
  const refusal = error instanceof Refusal ? error : new Refusal("BUG", error);
  if ([grpc.status.INTERNAL, grpc.status.UNAVAILABLE].includes(CODES[refusal.reason])) {
    const cause = String(refusal.cause?.message ?? refusal.cause);
    console.error(JSON.stringify({ message: "request refused", request_id: requestId, reason: refusal.reason, cause }));
  }
  callback(statusOf(refusal, requestId));
  return refusal.reason;
}

// A method whose outcome is audited: that of a released URL before the response is sent.
async function audited(call, callback) {
  const started = performance.now();
  const facts = { request_id: randomUUID(), rpc: "CreatePortalSession" };
  const outcome = (reason, released) =>
    ({ event: "outcome", ...facts, reason, released, duration_ms: Math.round(performance.now() - started) });
  try {
    const response = await createPortalSession(call, facts);
    await audit.append(outcome("OK", true), true);
    callback(null, response);
  } catch (error) {
    const reason = error instanceof Refusal ? error.reason : "BUG";
    await audit.append(outcome(reason, false), false).catch(() => {});
    refused(error, facts.request_id, callback);
  }
}

const definition = loadSync("billing/portal/v1/billing_portal.proto", {
  includeDirs: [new URL("../../../proto", import.meta.url).pathname],
  keepCase: true,
  enums: String,
  defaults: true,
  oneofs: true,
});
const { BillingPortal, PortalAccess } = grpc.loadPackageDefinition(definition).billing.portal.v1;
const server = new grpc.Server({ "grpc.max_receive_message_length": 16_384 });
server.addService(BillingPortal.service, { CreatePortalSession: audited });
server.addService(PortalAccess.service, {
  GetPortalAccess: (call, callback) =>
    getPortalAccess(call).then((response) => callback(null, response), (error) => refused(error, randomUUID(), callback)),
});
server.bindAsync(setting("LISTEN"), grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) fail(`LISTEN: ${error.message}`);
  const host = setting("LISTEN").replace(/:\d+$/, "");
  console.error(JSON.stringify({ message: "listening", address: `${host}:${port}` }));
});
process.once("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
