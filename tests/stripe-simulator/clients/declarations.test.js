'use strict';
// Compares the parameters and the responses of the simulator with the declarations of Stripe's library.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { declared, differences, listDifferences, parameters } = require('./declared.js');
const table = require('./parameters.js');
const { request } = require('./simulator.js');

const SESSIONS = '/v1/billing_portal/sessions';
const CONFIGURATIONS = '/v1/billing_portal/configurations';
const EVENTS = '/v1/events';
const post = (sent) => request('POST', SESSIONS, sent);

const session = parameters(declared('sessions', 'BillingPortal.SessionCreateParams'));
const withIndices = (name) => name.replace('[]', '[0]');

test('the table has a row for each declared parameter of a session, and no others', () => {
  assert.deepEqual(Object.keys(table).sort(), session.map(({ name }) => name).sort());
  for (const [name, { sent, refused, reason }] of Object.entries(table)) {
    const isSent = sent.some(([other]) => other === name || other === withIndices(name));
    assert.ok(isSent, `${name} is not sent in its own row`);
    assert.equal(refused === undefined, reason === undefined, `${name} is refused without a reason`);
  }
});

test('every declared parameter is accepted, or refused as in the table', async (t) => {
  for (const [name, { sent, refused }] of Object.entries(table)) {
    const { status, json } = await post(sent);
    if (refused) {
      const { code, param } = json.error;
      assert.deepEqual({ status, code, param }, { status: 400, code: undefined, ...refused }, `${name}: ${JSON.stringify(json)}`);
    } else {
      assert.equal(status, 200, `${name}: ${JSON.stringify(json)}`);
    }
  }
  const accepted = Object.values(table).filter(({ refused }) => !refused).length;
  t.diagnostic(`parameters compared: ${session.length}, of which refused as in the table: ${session.length - accepted}`);
});

test('every declared value of a parameter is accepted, and no others', async (t) => {
  let compared = 0;
  for (const { name, values } of session.filter((one) => one.values.length > 0)) {
    for (const value of [...values, 'undeclared']) {
      const sent = table[name].sent.map(([other, before]) => [other, other === name ? value : before]);
      const { status, json } = await post(sent);
      // A declared value may require another parameter, but the error never names the parameter itself.
      const isInvalid = status === 400 && json.error.param === name;
      assert.equal(isInvalid, value === 'undeclared', `${name}=${value}: ${JSON.stringify(json)}`);
      compared += 1;
    }
  }
  t.diagnostic(`values compared: ${compared}`);
});

test('declared required parameters are required', async (t) => {
  const required = session.filter((one) => one.required);
  for (const { name } of required) {
    const leaf = withIndices(name);
    const { status, json } = await post(table[name].sent.filter(([other]) => other !== leaf));
    assert.equal(status, 400, `without ${name}: ${JSON.stringify(json)}`);
    // The error names the missing parameter or its parent.
    assert.ok(leaf.startsWith(json.error.param), `without ${name}: ${JSON.stringify(json)}`);
  }
  t.diagnostic(`required parameters compared: ${required.length}`);
});

test('the other endpoints accept their declared parameters, and no others', async (t) => {
  const samples = { active: 'true', ending_before: 'bpc_A', is_default: 'true', limit: '1', starting_after: 'bpc_A' };
  let compared = 0;
  for (const [path, file, name, expandable] of [
    [CONFIGURATIONS, 'configurations', 'BillingPortal.ConfigurationListParams', 'data.application'],
    [`${CONFIGURATIONS}/bpc_A`, 'configurations', 'BillingPortal.ConfigurationRetrieveParams', 'application'],
    ['/v1/customers/cus_A', 'customers', 'CustomerRetrieveParams', 'tax'],
    ['/v1/account', 'accounts', 'AccountRetrieveCurrentParams', 'settings.branding.icon'],
  ]) {
    for (const { name: parameter } of parameters(declared(file, name))) {
      const value = parameter === 'expand[]' ? expandable : samples[parameter];
      const { status, json } = await request('GET', path, [[parameter, value]]);
      assert.equal(status, 200, `${path} ${parameter}: ${JSON.stringify(json)}`);
      compared += 1;
    }
    assert.equal((await request('GET', path, [['undeclared', '1']])).json.error.code, 'parameter_unknown');
  }
  assert.equal((await post([['customer', 'cus_A'], ['undeclared', '1']])).json.error.code, 'parameter_unknown');
  t.diagnostic(`parameters of the other endpoints compared: ${compared}`);
});

/** Declared parameters that the simulator refuses as unknown, because it has nothing that they could change or select. */
const NOT_SIMULATED = {
  CustomerUpdateParams: ['address', 'balance', 'business_name', 'cash_balance', 'default_source', 'description',
    'individual_name', 'invoice_prefix', 'invoice_settings', 'next_invoice_sequence', 'phone', 'preferred_locales',
    'shipping', 'source', 'tax', 'tax_exempt', 'validate'],
  SubscriptionListParams: ['automatic_tax', 'collection_method', 'created', 'current_period_end', 'current_period_start',
    'customer_account', 'expand', 'plan', 'price', 'test_clock'],
  'Checkout.SessionListParams': ['created', 'customer_account', 'customer_details', 'expand', 'payment_intent',
    'payment_link', 'subscription'],
  EventListParams: ['delivery_success', 'expand'],
};

test('updates of customers and the other lists accept the declared parameters that are simulated', async (t) => {
  const samples = {
    customer: 'cus_A', ending_before: 'cs_A', expand: undefined, limit: '1', starting_after: 'cs_A', status: undefined,
    email: 'a@b.test', metadata: undefined, name: 'Acme', created: '1',
  };
  await post([['customer', 'cus_A']]);
  const [event] = (await request('GET', EVENTS)).json.data;
  let compared = 0;
  for (const [method, path, file, name, own] of [
    ['POST', '/v1/customers/cus_B', 'customers', 'CustomerUpdateParams',
      { expand: [['expand[]', 'tax']], metadata: [['metadata[tenant_id]', 'b']] }],
    ['GET', '/v1/subscriptions', 'subscriptions', 'SubscriptionListParams',
      { starting_after: [['starting_after', 'sub_A']], ending_before: [['ending_before', 'sub_A']] }],
    ['GET', '/v1/checkout/sessions', 'checkout', 'Checkout.SessionListParams', {}],
    ['GET', EVENTS, 'events', 'EventListParams',
      { starting_after: [['starting_after', event.id]], ending_before: [['ending_before', event.id]], types: [['types[]', 'x']] }],
  ]) {
    const all = parameters(declared(file, name));
    const top = new Set(all.map((one) => one.name.split('[')[0]));
    for (const parameter of top) {
      const values = all.find((one) => one.name === parameter)?.values ?? [];
      const sent = values.length > 0
        ? values.map((value) => [[parameter, value]])
        : [own[parameter] ?? [[parameter, samples[parameter] ?? 'x']]];
      for (const pairs of sent) {
        const { status, json } = await request(method, path, pairs);
        const isSimulated = !NOT_SIMULATED[name].includes(parameter);
        assert.equal(status, isSimulated ? 200 : 400, `${path} ${pairs}: ${JSON.stringify(json)}`);
        if (!isSimulated) assert.equal(json.error.code, 'parameter_unknown', `${path} ${pairs}`);
        compared += 1;
      }
    }
    for (const parameter of NOT_SIMULATED[name]) assert.ok(top.has(parameter), `${name} does not declare ${parameter}`);
    assert.equal((await request(method, path, [['undeclared', '1']])).json.error.code, 'parameter_unknown');
    if (top.has('status')) assert.equal((await request(method, path, [['status', 'undeclared']])).json.error.param, 'status');
  }
  t.diagnostic(`parameters and values compared: ${compared}`);
});

test('every response has exactly the declared members, with the declared types', async (t) => {
  const count = { responses: 0, members: 0 };
  const compare = async (type, response, compareWith = differences) => {
    const { status, json } = await response;
    assert.equal(status, 200, JSON.stringify(json));
    assert.deepEqual(compareWith(json, type, json.object, count), []);
    count.responses += 1;
  };
  const sessions = declared('sessions', 'Session');
  for (const { sent } of Object.values(table).filter(({ refused }) => !refused)) {
    await compare(sessions, post(sent));
  }
  const products = 'features.subscription_update.products';
  const configuration = declared('configurations', 'Configuration');
  await compare(sessions, post([['customer', 'cus_A'], ['expand[]', `configuration.${products}`]]));
  await compare(configuration, request('GET', `${CONFIGURATIONS}/bpc_A`));
  await compare(configuration, request('GET', `${CONFIGURATIONS}/bpc_A`, [['expand[]', products]]));
  await compare(configuration, request('GET', CONFIGURATIONS), listDifferences);
  const customer = declared('customers', 'Customer');
  await compare(customer, request('GET', '/v1/customers/cus_A'));
  const expand = ['cash_balance', 'invoice_credit_balance', 'sources', 'tax', 'tax_ids'].map((path) => ['expand[]', path]);
  await compare(customer, request('GET', '/v1/customers/cus_A', expand));
  await compare(customer, request('POST', '/v1/customers/cus_B', [['metadata[tenant_id]', 'b']]));
  await compare(declared('subscriptions', 'Subscription'), request('GET', '/v1/subscriptions', [['status', 'all']]), listDifferences);
  await compare(declared('checkout', 'Session'), request('GET', '/v1/checkout/sessions'), listDifferences);
  await compare(declared('events', 'BillingPortalSessionCreatedEvent'), request('GET', EVENTS, [['limit', '100']]), listDifferences);
  await compare(declared('customers', 'DeletedCustomer'), request('GET', '/v1/customers/cus_Deleted'));
  await compare(declared('accounts', 'Account'), request('GET', '/v1/account'));
  t.diagnostic(`responses compared: ${count.responses}, members: ${count.members}`);
});

test('the comparison reports differences', () => {
  const type = declared('customers', 'DeletedCustomer');
  const good = { id: 'cus_A', object: 'customer', deleted: true };
  const found = (value) => differences(value, type, 'it', { members: 0 });
  assert.deepEqual(found(good), []);
  assert.deepEqual(found({ ...good, id: 7 }), ['it.id: 7 is not of type string']);
  assert.deepEqual(found({ ...good, deleted: false }), ['it.deleted: false is not of type true']);
  assert.deepEqual(found({ ...good, name: 'Ann' }), ['it.name is returned but not declared']);
  assert.deepEqual(found({ id: 'cus_A', object: 'customer' }), ['it.deleted is declared but not returned']);
  const features = declared('configurations', 'Configuration.Features.CustomerUpdate');
  const updates = (value) => differences({ allowed_updates: value, enabled: true }, features, 'it', { members: 0 });
  assert.deepEqual([updates(['email']).length, updates(['password']).length, updates(null).length], [0, 1, 1]);
});
