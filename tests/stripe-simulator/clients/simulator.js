'use strict';
// Access to the simulator that tests/outside/clients.rs starts. That file also defines the account.

const base = new URL(process.env.STRIPE_API_BASE);
const key = process.env.STRIPE_TEST_KEY;

const FORM = 'application/x-www-form-urlencoded';

/** Sends one request without a client library, and returns the status and the JSON of the response. */
async function request(method, path, parameters = []) {
  const encoded = new URLSearchParams(parameters).toString();
  const inQuery = method === 'GET' && encoded !== '';
  const response = await fetch(new URL(inQuery ? `${path}?${encoded}` : path, base), {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': FORM },
    body: method === 'GET' ? undefined : encoded,
  });
  return { status: response.status, json: await response.json() };
}

module.exports = { base, key, request };
