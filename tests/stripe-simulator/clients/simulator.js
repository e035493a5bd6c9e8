'use strict';
// The simulator that outside/clients.rs has started, as the tests of this folder see it. What it holds stands there.

const base = new URL(process.env.STRIPE_API_BASE);
const key = process.env.STRIPE_TEST_KEY;

const FORM = 'application/x-www-form-urlencoded';

/** One request as it is, with nothing but what is asked for; the status, and the answer's JSON. */
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
