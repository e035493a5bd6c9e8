// A settings page with a billing action. The sign-in is a placeholder; the billing code is meant to be copied as is.
//
//   SERVICE=127.0.0.1:50051 PUBLIC_ORIGIN=https://app.example.com JWKS_FILE=jwks.json npm start

import { randomUUID, timingSafeEqual } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Billing } from "./billing.js";
import { page } from "./page.js";
import { Issuer, type Person } from "./token.js";

const { SERVICE = "127.0.0.1:50051", PUBLIC_ORIGIN = "http://127.0.0.1:3000", JWKS_FILE = "jwks.json", PORT = "0" } =
  process.env;

const PEOPLE: Record<string, Person> = {
  olivia: { id: "olivia", tenant: "acme", role: "owner" },
  mia: { id: "mia", tenant: "acme", role: "member" },
  dora: { id: "dora", tenant: "dark", role: "owner" },
};

interface Session {
  person: Person;
  csrf: string;
}

const sessions = new Map<string, Session>();
const issuer = await Issuer.create();
writeFileSync(JWKS_FILE, JSON.stringify(issuer.keySet));
const billing = new Billing(SERVICE, issuer, `${PUBLIC_ORIGIN}/settings?billing=returned`);

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", PUBLIC_ORIGIN);
  if (request.method === "GET" && url.pathname === "/sign-in") return signIn(url, response);
  const session = sessions.get(/(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "");
  if (!session) return respond(response, 401, page("Settings", "<p>Please sign in.</p>"));
  if (request.method === "GET" && url.pathname === "/settings") return settings(session, url, response);
  if (request.method === "POST" && url.pathname === "/settings/billing") return open(session, request, response);
  respond(response, 404, page("Not found", "<p>This page does not exist.</p>"));
}

function signIn(url: URL, response: ServerResponse): void {
  const person = PEOPLE[url.searchParams.get("person") ?? ""];
  if (!person) return respond(response, 400, page("Sign in", "<p>This user does not exist.</p>"));
  const id = randomUUID();
  sessions.set(id, { person, csrf: randomUUID() });
  response.writeHead(303, { Location: "/settings", "Set-Cookie": `session=${id}; HttpOnly; SameSite=Lax; Path=/` }).end();
}

async function settings(session: Session, url: URL, response: ServerResponse): Promise<void> {
  const sentence = await billing.section(session.person);
  const hasReturned = url.searchParams.get("billing") === "returned";
  const notice = hasReturned ? `<p role="status">You are back from the billing portal.</p>` : "";
  const form = `<form method="post" action="/settings/billing">
      <input type="hidden" name="csrf_token" value="${session.csrf}">
      <input type="hidden" name="displayed_tenant_id" value="${session.person.tenant}">
      <button>Open billing portal</button>
    </form>`;
  respond(response, 200, page("Settings", `${notice}<h2>Billing</h2>${sentence ? `<p>${sentence}</p>` : form}`));
}

async function open(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(await body(request));
  if (!isEqual(form.get("csrf_token") ?? "", session.csrf)) {
    const text = "<p>This form is out of date. Please go back, reload the page and try again.</p>";
    return respond(response, 403, page("Billing was not opened", text));
  }
  const opened = await billing.open(session.person, form.get("displayed_tenant_id") ?? "");
  if ("url" in opened) {
    response.writeHead(303, { Location: opened.url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer" }).end();
    return;
  }
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

function respond(response: ServerResponse, status: number, html: string): void {
  // form-action includes the portal's origin, because browsers also apply it to redirects.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https://billing.stripe.com";
  const headers = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
  response.writeHead(status, { ...headers, "Content-Security-Policy": policy }).end(html);
}

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(JSON.stringify({ error: String(error) }));
    if (!response.headersSent) respond(response, 500, page("Settings", "<p>Something went wrong on our side.</p>"));
  });
});
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
