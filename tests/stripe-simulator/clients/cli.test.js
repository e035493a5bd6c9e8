'use strict';
// Tests of the simulator with Stripe's command line, without a login or access to any other host.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, test } = require('node:test');
const { promisify } = require('node:util');

const { dependencies } = require('./package.json');
const { base, key } = require('./simulator.js');

const program = require.resolve('@stripe/cli/bin/shim.js');
const home = mkdtempSync(path.join(tmpdir(), 'stripe-cli-'));
after(() => rmSync(home, { recursive: true }));

const environment = {
  HOME: home,
  PATH: process.env.PATH,
  STRIPE_CLI_TELEMETRY_OPTOUT: '1',
  // Requests to any other host fail, because nothing listens on this port.
  HTTP_PROXY: 'http://127.0.0.1:1',
  HTTPS_PROXY: 'http://127.0.0.1:1',
  NO_PROXY: '127.0.0.1',
};

/** Runs the program and returns its output as JSON. It also exits with 0 on errors of the API. */
async function stripe(...words) {
  const options = ['--api-base', base.origin, '--api-key', key];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...words, ...options], { env: environment });
  return JSON.parse(stdout);
}

async function refused(code, ...words) {
  const { error } = await stripe(...words);
  assert.equal(error.type, 'invalid_request_error');
  assert.equal(error.code, code);
  return error;
}

test('runs the pinned version', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--version'], { env: environment });
  assert.equal(stdout.split('\n')[0], `stripe version ${dependencies['@stripe/cli']}`);
});

test('retrieves customers that exist, are deleted or are missing', async () => {
  const customer = await stripe('customers', 'retrieve', 'cus_A');
  assert.deepEqual(customer.metadata, { tenant_id: 'acme' });
  assert.equal((await stripe('customers', 'retrieve', 'cus_Deleted')).deleted, true);
  await refused('resource_missing', 'customers', 'retrieve', 'cus_X');
  const expanded = await stripe('customers', 'retrieve', 'cus_A', '--expand', 'tax');
  assert.equal(expanded.tax.automatic_tax, 'not_collecting');
});

test('creates sessions by path and by resource command', async () => {
  const data = ['-d', 'customer=cus_A', '-d', 'return_url=https://app.test/'];
  const posted = await stripe('post', '/v1/billing_portal/sessions', ...data);
  assert.equal(posted.object, 'billing_portal.session');
  assert.equal(posted.return_url, 'https://app.test/');
  const created = await stripe('billing_portal', 'sessions', 'create', '--customer', 'cus_A', '--locale', 'de');
  assert.equal(created.locale, 'de');
  assert.notEqual(created.url, posted.url);
});

test('creates a session with a flow', async () => {
  const flow = ['-d', 'flow_data[type]=subscription_update_confirm'];
  const confirm = 'flow_data[subscription_update_confirm]';
  flow.push('-d', `${confirm}[subscription]=sub_A`, '-d', `${confirm}[items][0][id]=si_A`);
  flow.push('-d', `${confirm}[items][0][price]=price_A`, '-d', `${confirm}[items][0][quantity]=3`);
  const session = await stripe('post', '/v1/billing_portal/sessions', '-d', 'customer=cus_A', ...flow);
  assert.deepEqual(session.flow.subscription_update_confirm.items, [{ id: 'si_A', price: 'price_A', quantity: 3 }]);
});

test('an idempotency key replays the first response', async () => {
  const words = ['post', '/v1/billing_portal/sessions', '-d', 'customer=cus_A', '--idempotency', 'cli-1'];
  assert.deepEqual(await stripe(...words), await stripe(...words));
  const { error } = await stripe('post', '/v1/billing_portal/sessions', '-d', 'customer=cus_B', '--idempotency', 'cli-1');
  assert.equal(error.type, 'idempotency_error');
});

test('invalid requests are refused', async () => {
  const error = await refused('parameter_unknown', 'post', '/v1/billing_portal/sessions', '-d', 'customer=cus_A', '-d', 'x=1');
  assert.equal(error.param, 'x');
  await refused('parameter_missing', 'post', '/v1/billing_portal/sessions');
  await refused(undefined, 'get', '/v1/invoices');
});

test('updates the metadata of a customer, and lists what names its buyer', async () => {
  const updated = await stripe('customers', 'update', 'cus_C', '-d', 'metadata[tenant_id]=c', '-d', 'metadata[plan]=pro');
  assert.deepEqual(updated.metadata, { tenant_id: 'c', plan: 'pro' });
  assert.deepEqual((await stripe('customers', 'update', 'cus_C', '-d', 'metadata[plan]=')).metadata, { tenant_id: 'c' });
  await refused('resource_missing', 'customers', 'update', 'cus_X', '-d', 'metadata[a]=b');
  const subscriptions = await stripe('subscriptions', 'list', '--customer', 'cus_A', '--status', 'all');
  assert.deepEqual(subscriptions.data.map(({ id }) => id), ['sub_Old', 'sub_A']);
  const sessions = await stripe('get', '/v1/checkout/sessions', '-d', 'customer=cus_A');
  assert.deepEqual(sessions.data.map((one) => one.client_reference_id), ['acme']);
});

test('lists the events of sessions', async () => {
  const created = await stripe('billing_portal', 'sessions', 'create', '--customer', 'cus_C');
  const list = await stripe('events', 'list', '--type', 'billing_portal.session.created', '--limit', '1');
  assert.deepEqual(list.data.map((event) => event.data.object), [created]);
});

test('reads the account and its configurations', async () => {
  const account = await stripe('get', '/v1/account');
  assert.equal(account.object, 'account');
  assert.match(account.id, /^acct_/);
  const list = await stripe('billing_portal', 'configurations', 'list', '--limit', '1');
  assert.deepEqual([list.object, list.data.length, list.has_more], ['list', 1, true]);
  const next = await stripe('get', '/v1/billing_portal/configurations', '-d', `starting_after=${list.data[0].id}`);
  assert.equal(next.has_more, false);
  const one = await stripe('billing_portal', 'configurations', 'retrieve', next.data[0].id);
  assert.deepEqual(one, next.data[0]);
});
