'use strict';
// Tests of the simulator with Stripe's library over https: responses become objects, and errors become typed errors.

const assert = require('node:assert/strict');
const { Agent } = require('node:https');
const { test } = require('node:test');

const Stripe = require('stripe');

const { base, key } = require('./simulator.js');

const VERSION = '2026-09-30.endive';

function client(secretKey, options = {}) {
  // NODE_EXTRA_CA_CERTS adds the CA, so that certificates are verified as in production.
  const server = { host: base.hostname, port: base.port, protocol: base.protocol.slice(0, -1) };
  return new Stripe(secretKey, { ...server, httpAgent: new Agent(), maxNetworkRetries: 0, telemetry: false, ...options });
}

const stripe = client(key);
const live = client(process.env.STRIPE_LIVE_KEY);
const { errors } = Stripe;

/** Asserts that a call fails with exactly this class of error and the expected members. Returns the error. */
async function refused(call, type, expected) {
  const error = await call.then(() => assert.fail('the call was not refused'), (error) => error);
  assert.equal(error.constructor, type, error.stack);
  for (const [member, value] of Object.entries(expected)) {
    assert.equal(error[member], value, `${member} of ${error.message}`);
  }
  return error;
}

const open = (parameters, options) => stripe.billingPortal.sessions.create({ customer: 'cus_A', ...parameters }, options);

test('uses https and the API version of the service', () => {
  assert.equal(base.protocol, 'https:');
  assert.equal(stripe.getApiField('version'), VERSION);
});

test('retrieves customers of both modes, deleted and missing ones', async () => {
  const customer = await stripe.customers.retrieve('cus_A');
  assert.deepEqual([customer.id, customer.livemode, customer.metadata.tenant_id], ['cus_A', false, 'acme']);
  assert.equal(customer.lastResponse.apiVersion, VERSION);
  assert.match(customer.lastResponse.requestId, /^req_/);
  assert.equal((await live.customers.retrieve('cus_Live')).livemode, true);
  assert.equal((await stripe.customers.retrieve('cus_Deleted')).deleted, true);
  const missing = { code: 'resource_missing', param: 'id', statusCode: 404 };
  await refused(stripe.customers.retrieve('cus_X'), errors.StripeInvalidRequestError, missing);
  const other = await refused(stripe.customers.retrieve('cus_Live'), errors.StripeInvalidRequestError, missing);
  assert.match(other.message, /a similar object exists in live mode/);
});

test('creates a session with each flow', async () => {
  const subscription = { subscription: 'sub_A' };
  const flows = [
    undefined,
    { type: 'customer_update' },
    { type: 'payment_method_update', after_completion: { type: 'portal_homepage' } },
    { type: 'subscription_cancel', subscription_cancel: subscription },
    { type: 'subscription_update', subscription_update: subscription },
    {
      type: 'subscription_update_confirm',
      subscription_update_confirm: { ...subscription, items: [{ id: 'si_A', price: 'price_A', quantity: 2 }] },
      after_completion: { type: 'redirect', redirect: { return_url: 'https://app.test/done' } },
    },
  ];
  const urls = new Set();
  for (const flow_data of flows) {
    const session = await open({ flow_data, return_url: 'https://app.test/', locale: 'auto' });
    assert.match(session.id, /^bps_/);
    assert.equal(session.flow?.type, flow_data?.type);
    urls.add(session.url);
  }
  assert.equal(urls.size, flows.length);
  const expanded = await open({ expand: ['configuration'] });
  assert.equal(expanded.configuration.object, 'billing_portal.configuration');
});

test('an idempotency key replays the session, and is refused for other parameters', async () => {
  const once = { idempotencyKey: 'sdk-1' };
  const first = await open({}, once);
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  const again = await open({}, once);
  assert.deepEqual([again.id, again.lastResponse.headers['idempotent-replayed']], [first.id, 'true']);
  await refused(open({ locale: 'de' }, once), errors.StripeIdempotencyError, { statusCode: 400 });
  // The library has a class for only one of the two statuses of idempotency errors.
  const inUse = { statusCode: 409, code: 'idempotency_key_in_use', rawType: 'idempotency_error' };
  await refused(open({ customer: 'cus_FaultStatus409' }), errors.StripeAPIError, inUse);
});

test('retries only if Stripe allows it, and gets the replayed session', async () => {
  const retrying = client(key, { maxNetworkRetries: 2 });
  const create = (customer) => retrying.billingPortal.sessions.create({ customer });
  assert.equal((await create('cus_Unavailable')).customer, 'cus_Unavailable');
  const lost = await create('cus_Lost');
  assert.equal(lost.lastResponse.headers['idempotent-replayed'], 'true');
  await refused(create('cus_Hopeless'), errors.StripeAPIError, { statusCode: 503 });
});

test('updates the metadata of a customer once per idempotency key, and lists what names its buyer', async () => {
  const once = { idempotencyKey: 'sdk-update' };
  const metadata = { tenant_id: 'b', plan: 'pro' };
  assert.deepEqual((await stripe.customers.update('cus_B', { metadata }, once)).metadata, metadata);
  assert.deepEqual((await stripe.customers.update('cus_B', { metadata: { plan: '' } })).metadata, { tenant_id: 'b' });
  const again = await stripe.customers.update('cus_B', { metadata }, once);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  assert.deepEqual((await stripe.customers.retrieve('cus_B')).metadata, { tenant_id: 'b' });
  assert.deepEqual((await stripe.customers.update('cus_B', { metadata: '' })).metadata, {});
  const invalid = { metadata: { key: 'v'.repeat(501) } };
  await refused(stripe.customers.update('cus_B', invalid), errors.StripeInvalidRequestError, { param: 'metadata[key]' });
  const read = client('rk_test_customersonly').customers.update('cus_B', {});
  const error = await refused(read, errors.StripePermissionError, { statusCode: 403 });
  assert.match(error.message, /'rak_customer_write'/);
  const ids = [];
  for await (const { id } of stripe.subscriptions.list({ customer: 'cus_A', status: 'all', limit: 1 })) ids.push(id);
  assert.deepEqual(ids, ['sub_Old', 'sub_A']);
  assert.deepEqual((await stripe.subscriptions.list({ customer: 'cus_A' })).data.map(({ id }) => id), ['sub_A']);
  const sessions = await stripe.checkout.sessions.list({ customer: 'cus_A' });
  assert.deepEqual([sessions.data[0].metadata, sessions.data[0].client_reference_id], [{ org: 'acme' }, 'acme']);
});

test('lists the events of sessions page by page, and names the permission that is missing', async () => {
  const type = 'billing_portal.session.created';
  const sessions = [await open({}), await open({ customer: 'cus_B' }), await open({ locale: 'de' }, { idempotencyKey: 'sdk-event' })];
  const found = [];
  for await (const event of stripe.events.list({ type, limit: 2, created: { gte: sessions[0].created } })) {
    assert.deepEqual([event.type, event.api_version, event.livemode], [type, VERSION, false]);
    if (sessions.some(({ id }) => id === event.data.object.id)) found.unshift(event);
  }
  assert.deepEqual(found.map((event) => event.data.object), sessions.map((session) => ({ ...session })));
  assert.deepEqual(found[2].request, { id: sessions[2].lastResponse.requestId, idempotency_key: 'sdk-event' });
  assert.deepEqual((await live.events.list({ type })).data, []);
  const error = await refused(client('rk_test_customersonly').events.list(), errors.StripePermissionError, { statusCode: 403 });
  assert.match(error.message, /'rak_event_read'/);
});

test('an invalid parameter is an invalid request error with its code and name', async () => {
  for (const [parameters, code, param] of [
    [{ customer: 'cus_X' }, 'resource_missing', 'customer'],
    [{ customer: '' }, 'parameter_invalid_empty', 'customer'],
    [{ coupon: 'half' }, 'parameter_unknown', 'coupon'],
    [{ locale: 'xx' }, undefined, 'locale'],
    [{ return_url: 'nowhere' }, 'url_invalid', 'return_url'],
    [{ configuration: 'bpc_X' }, 'resource_missing', 'configuration'],
    [{ configuration: 'bpc_Off' }, undefined, 'configuration'],
    [{ flow_data: { type: 'other' } }, undefined, 'flow_data[type]'],
    [
      { flow_data: { type: 'subscription_cancel', subscription_cancel: { subscription: 'sub_X' } } },
      'resource_missing',
      'flow_data[subscription_cancel][subscription]',
    ],
  ]) {
    await refused(open(parameters), errors.StripeInvalidRequestError, { code, param, statusCode: 400 });
  }
});

test('invalid and restricted keys have their own error classes', async () => {
  await refused(client('sk_test_wrong').accounts.retrieveCurrent(), errors.StripeAuthenticationError, { statusCode: 401 });
  const restricted = client('rk_test_customersonly');
  assert.equal((await restricted.customers.retrieve('cus_A')).id, 'cus_A');
  const call = restricted.billingPortal.sessions.create({ customer: 'cus_A' });
  const error = await refused(call, errors.StripePermissionError, { statusCode: 403, rawType: 'invalid_request_error' });
  assert.match(error.message, /Having the 'rak_customer_portal_write' permission would allow this request to continue\.$/);
});

test('faults become the errors that the library has for them', async () => {
  for (const [fault, type, expected] of [
    ['RateLimit', errors.StripeRateLimitError, { statusCode: 429, code: 'rate_limit' }],
    ['LockTimeout', errors.StripeRateLimitError, { statusCode: 429, code: 'lock_timeout' }],
    ['Status401', errors.StripeAuthenticationError, { statusCode: 401, code: 'api_key_expired' }],
    ['Status402', errors.StripeCardError, { statusCode: 402 }],
    ['Status403', errors.StripePermissionError, { statusCode: 403 }],
    ['Status404', errors.StripeInvalidRequestError, { statusCode: 404 }],
    ['Status500', errors.StripeAPIError, { statusCode: 500 }],
    ['Html', errors.StripeAPIError, {}],
    ['TruncatedJson', errors.StripeAPIError, {}],
    ['NoConfiguration', errors.StripeInvalidRequestError, { statusCode: 400, code: undefined, param: undefined }],
    ['Reset', errors.StripeConnectionError, {}],
    ['ResetInHead', errors.StripeConnectionError, {}],
  ]) {
    await refused(open({ customer: `cus_Fault${fault}` }), type, expected);
  }
  const withTimeout = client(key, { timeout: 100 });
  await refused(withTimeout.customers.retrieve('cus_FaultHang'), errors.StripeConnectionError, {});
});

test('reads the account and its configurations page by page', async () => {
  const account = await stripe.accounts.retrieveCurrent();
  assert.deepEqual([account.id, account.object], ['acct_1Clients', 'account']);
  assert.equal(account.settings.dashboard.display_name, 'Simulated account');
  const ids = [];
  for await (const configuration of stripe.billingPortal.configurations.list({ limit: 1 })) {
    ids.push(configuration.id);
  }
  assert.deepEqual(ids, ['bpc_Off', 'bpc_A', 'bpc_default']);
  const defaults = await stripe.billingPortal.configurations.list({ is_default: true, active: true });
  assert.deepEqual(defaults.data.map(({ id }) => id), ['bpc_A']);
  assert.equal((await stripe.billingPortal.configurations.retrieve('bpc_Off')).active, false);
  const call = stripe.billingPortal.configurations.retrieve('bpc_X');
  await refused(call, errors.StripeInvalidRequestError, { code: 'resource_missing', param: 'configuration' });
});
