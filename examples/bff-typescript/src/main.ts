// A settings page with a billing action. Its sign-in is a toy; billing is as you would ship it.
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
  if (!session) return answer(response, 401, page("Settings", "<p>Please sign in.</p>"));
  if (request.method === "GET" && url.pathname === "/settings") return settings(session, url, response);
  if (request.method === "POST" && url.pathname === "/settings/billing") return open(session, request, response);
  answer(response, 404, page("Not found", "<p>There is no such page.</p>"));
}

function signIn(url: URL, response: ServerResponse): void {
  const person = PEOPLE[url.searchParams.get("person") ?? ""];
  if (!person) return answer(response, 400, page("Sign in", "<p>Nobody has that name.</p>"));
  const id = randomUUID();
  sessions.set(id, { person, csrf: randomUUID() });
  response.writeHead(303, { Location: "/settings", "Set-Cookie": `session=${id}; HttpOnly; SameSite=Lax; Path=/` }).end();
}

async function settings(session: Session, url: URL, response: ServerResponse): Promise<void> {
  const instead = await billing.section(session.person);
  const notice = url.searchParams.get("billing") === "returned" ? `<p role="status">You are back from billing.</p>` : "";
  const action = `<form method="post" action="/settings/billing">
      <input type="hidden" name="csrf_token" value="${session.csrf}">
      <input type="hidden" name="displayed_tenant_id" value="${session.person.tenant}">
      <button>Open billing</button>
    </form>`;
  answer(response, 200, page("Settings", `${notice}<h2>Billing</h2>${instead ? `<p>${instead}</p>` : action}`));
}

async function open(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(await body(request));
  if (!same(form.get("csrf_token") ?? "", session.csrf)) {
    return answer(response, 403, page("Not opened", "<p>This form is outdated. Please go back and reload the page.</p>"));
  }
  const opened = await billing.open(session.person, form.get("displayed_tenant_id") ?? "");
  if ("url" in opened) {
    response.writeHead(303, { Location: opened.url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer" }).end();
    return;
  }
  const reference = opened.requestId ? `<p>Reference for support: <code>${opened.requestId}</code></p>` : "";
  answer(response, 200, page("Billing", `<p role="alert">${opened.sentence}</p>${reference}<p><a href="/settings">Back</a></p>`));
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 4096) throw new Error("a form that is too large");
  }
  return text;
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function answer(response: ServerResponse, status: number, html: string): void {
  // The portal's origin stands in form-action, because browsers apply it to the redirect, too.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https://billing.stripe.com";
  const headers = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
  response.writeHead(status, { ...headers, "Content-Security-Policy": policy }).end(html);
}

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(JSON.stringify({ error: String(error) }));
    if (!response.headersSent) answer(response, 500, page("Settings", "<p>Something went wrong on our side.</p>"));
  });
});
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
