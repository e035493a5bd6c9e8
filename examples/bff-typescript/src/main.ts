// A settings page with a billing action. The sign-in is a placeholder; the billing code is meant to be copied as is.
//
// Start `cargo run --example settings`. In another terminal, paste the `export` lines that it prints, and run this in
// examples/bff-typescript:
//
//   npm ci && npm run build && npm start

import { randomUUID, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Billing } from "./billing.js";
import { connection } from "./connection.js";
import { preferredLanguage } from "./locale.js";
import { page } from "./page.js";
import { Issuer, type Person } from "./token.js";

function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set; \`cargo run --example settings\` prints all variables`);
  process.exit(1);
}

const [PORT, PUBLIC_ORIGIN, PORTAL_ORIGIN] = [setting("PORT"), setting("PUBLIC_ORIGIN"), setting("PORTAL_ORIGIN")];
const [SERVICE, ISSUER, AUDIENCE] = [setting("SERVICE"), setting("PRINCIPAL_ISSUER"), setting("PRINCIPAL_AUDIENCE")];
const [KEY_FILE, KEY_ID] = [setting("PRINCIPAL_KEY_FILE"), setting("PRINCIPAL_KEY_ID")];

// The session cookie. Its name contains the port, because browsers send a cookie to every port of a host. In production,
// use `__Host-session` and the attribute `Secure`.
const COOKIE = `session_${PORT}`;

const PEOPLE: Record<string, Person> = {
  olivia: { id: "olivia", tenant: "acme", role: "owner" },
  mia: { id: "mia", tenant: "acme", role: "member" },
  gustav: { id: "gustav", tenant: "globex", role: "owner" },
};

// What to show after a return from the portal. Anyone can open such an address, so nothing else depends on it.
const NOTICES = new Map([
  ["returned", "You are back from the billing portal."],
  ["payment-method-updated", "Your payment method was updated."],
  ["payment-method-not-updated", "You returned without updating your payment method."],
]);

interface Session {
  person: Person;
  csrf: string;
}

const sessions = new Map<string, Session>();
const issuer = await Issuer.create(ISSUER, AUDIENCE, readFileSync(KEY_FILE, "utf8"), KEY_ID);
const billing = new Billing(SERVICE, connection(), issuer, `${PUBLIC_ORIGIN}/settings`);

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", PUBLIC_ORIGIN);
  if (request.method === "GET" && url.pathname === "/sign-in") return signIn(url, response);
  if (request.method === "GET" && url.pathname === "/") return redirect(response, "/settings");
  const session = sessions.get(sessionId(request));
  if (!session) return signedOut(response);
  if (request.method === "GET" && url.pathname === "/settings") return settings(session, url, response);
  if (request.method === "POST" && url.pathname === "/settings/billing") return open(session, request, response);
  respond(response, 404, page("Not found", "<p>This page does not exist.</p>"));
}

function signIn(url: URL, response: ServerResponse): void {
  const person = PEOPLE[url.searchParams.get("person") ?? ""];
  if (!person) return respond(response, 400, page("Sign in", "<p>This user does not exist.</p>"));
  const id = randomUUID();
  sessions.set(id, { person, csrf: randomUUID() });
  response.setHeader("Set-Cookie", `${COOKIE}=${id}; HttpOnly; SameSite=Lax; Path=/`);
  redirect(response, "/settings");
}

function sessionId(request: IncomingMessage): string {
  const cookies = request.headers.cookie?.split("; ") ?? [];
  return cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? "";
}

function signedOut(response: ServerResponse): void {
  const people = Object.values(PEOPLE).map(
    ({ id, tenant, role }) => `<li><a href="/sign-in?person=${id}">${id}</a>, ${role} of ${tenant}</li>`,
  );
  const body = `<p>Please sign in as one of these people:</p><ul>${people.join("")}</ul>`;
  respond(response, 401, page("Settings", body));
}

async function settings(session: Session, url: URL, response: ServerResponse): Promise<void> {
  const sentence = await billing.section(session.person);
  const returned = NOTICES.get(url.searchParams.get("billing") ?? "");
  const notice = returned ? `<p role="status">${returned}</p>` : "";
  const form = `<form method="post" action="/settings/billing">
      <input type="hidden" name="csrf_token" value="${session.csrf}">
      <input type="hidden" name="displayed_tenant_id" value="${session.person.tenant}">
      <button>Open billing portal</button>
      <button name="action" value="payment_method_update">Update payment method</button>
    </form>`;
  respond(response, 200, page("Settings", `${notice}<h2>Billing</h2>${sentence ? `<p>${sentence}</p>` : form}`));
}

async function open(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(await body(request));
  if (!isEqual(form.get("csrf_token") ?? "", session.csrf)) {
    const text = "<p>This form is out of date. Please go back, reload the page and try again.</p>";
    return respond(response, 403, page("Billing was not opened", text));
  }
  const action = form.get("action") ?? "portal";
  if (action !== "portal" && action !== "payment_method_update") {
    return respond(response, 400, page("Billing was not opened", "<p>This action does not exist.</p>"));
  }
  const locale = preferredLanguage(request.headers["accept-language"] ?? "");
  const opened = await billing.open(session.person, action, form.get("displayed_tenant_id") ?? "", locale);
  // Every response has `Cache-Control: no-store` and `Referrer-Policy: no-referrer`, which keep the URL secret.
  if ("url" in opened) return redirect(response, opened.url);
  const reference = opened.requestId ? `<p>Reference for support: <code>${opened.requestId}</code></p>` : "";
  const link = `<p><a href="/settings">Go back to settings</a></p>`;
  respond(response, 200, page("Billing", `<p role="alert">${opened.sentence}</p>${reference}${link}`));
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 4096) throw new Error("form is too large");
  }
  return text;
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { Location: location }).end();
}

function respond(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8" }).end(html);
}

// Forbids scripts, framing and caching, and keeps the URLs out of `Referer`. `form-action` includes the portal's origin,
// because browsers also apply it to redirects.
const HEADERS = new Map([
  [
    "Content-Security-Policy",
    `default-src 'none'; style-src 'unsafe-inline'; form-action 'self' ${PORTAL_ORIGIN}; frame-ancestors 'none'; base-uri 'none'`,
  ],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cache-Control", "no-store"],
]);

const server = createServer((request, response) => {
  response.setHeaders(HEADERS);
  handle(request, response).catch((error: unknown) => {
    console.error(JSON.stringify({ error: String(error) }));
    if (!response.headersSent) respond(response, 500, page("Settings", "<p>Something went wrong on our side.</p>"));
  });
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`Settings page: ${PUBLIC_ORIGIN}/settings`));
