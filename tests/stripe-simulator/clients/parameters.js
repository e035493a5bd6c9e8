'use strict';
// Every parameter that Stripe declares for a session, with a request that contains it and the expected result. A refusal has
// a reason, and matches what Stripe returns to an account like the simulated one.

const CONFIRM = 'flow_data[subscription_update_confirm]';
const customer = ['customer', 'cus_A'];
const flow = (type, ...rest) => [customer, ['flow_data[type]', type], ...rest];
const update = (...rest) => flow('payment_method_update', ...rest);
const cancel = (...rest) => flow('subscription_cancel', ['flow_data[subscription_cancel][subscription]', 'sub_A'], ...rest);
const item = [`${CONFIRM}[items][0][id]`, 'si_A'];
const confirm = (...rest) => flow('subscription_update_confirm', [`${CONFIRM}[subscription]`, 'sub_A'], item, ...rest);
const after = (type, ...rest) => update(['flow_data[after_completion][type]', type], ...rest);
const retention = 'flow_data[subscription_cancel][retention]';
const offer = cancel([`${retention}[type]`, 'coupon_offer'], [`${retention}[coupon_offer][coupon]`, 'half']);
const redirect = after('redirect', ['flow_data[after_completion][redirect][return_url]', 'https://app.test/']);

const accepted = (sent) => ({ sent });
const refused = (sent, param, code, reason) => ({ sent, refused: { param, code }, reason });
const NO_COUPONS = 'the simulated account has no coupons and no promotion codes';
const NO_CONNECT = 'the simulated account is not set up for Connect or for accounts as customers';

/** The rows by declared parameter name. */
module.exports = {
  'configuration': accepted([customer, ['configuration', 'bpc_A']]),
  'customer': accepted([customer]),
  'customer_account': refused([customer, ['customer_account', 'acct_1']], 'customer_account', undefined, NO_CONNECT),
  'expand[]': accepted([customer, ['expand[]', 'configuration']]),
  'flow_data[type]': accepted(cancel()),
  'flow_data[after_completion][type]': accepted(redirect),
  'flow_data[after_completion][redirect][return_url]': accepted(redirect),
  'flow_data[after_completion][hosted_confirmation][custom_message]': accepted(
    after('hosted_confirmation', ['flow_data[after_completion][hosted_confirmation][custom_message]', 'Thanks']),
  ),
  'flow_data[subscription_cancel][subscription]': accepted(cancel()),
  'flow_data[subscription_cancel][retention][type]': refused(
    offer, `${retention}[coupon_offer][coupon]`, 'resource_missing', NO_COUPONS,
  ),
  'flow_data[subscription_cancel][retention][coupon_offer][coupon]': refused(
    offer, `${retention}[coupon_offer][coupon]`, 'resource_missing', NO_COUPONS,
  ),
  'flow_data[subscription_update][subscription]': accepted(
    flow('subscription_update', ['flow_data[subscription_update][subscription]', 'sub_A']),
  ),
  [`${CONFIRM}[subscription]`]: accepted(confirm()),
  [`${CONFIRM}[items][][id]`]: accepted(confirm()),
  [`${CONFIRM}[items][][price]`]: accepted(confirm([`${CONFIRM}[items][0][price]`, 'price_A'])),
  [`${CONFIRM}[items][][quantity]`]: accepted(confirm([`${CONFIRM}[items][0][quantity]`, '2'])),
  [`${CONFIRM}[discounts][][coupon]`]: refused(
    confirm([`${CONFIRM}[discounts][0][coupon]`, 'half']), `${CONFIRM}[discounts][0][coupon]`, 'resource_missing', NO_COUPONS,
  ),
  [`${CONFIRM}[discounts][][promotion_code]`]: refused(
    confirm([`${CONFIRM}[discounts][0][promotion_code]`, 'promo_1']),
    `${CONFIRM}[discounts][0][promotion_code]`, 'resource_missing', NO_COUPONS,
  ),
  'locale': accepted([customer, ['locale', 'de']]),
  'on_behalf_of': refused([customer, ['on_behalf_of', 'acct_1']], 'on_behalf_of', undefined, NO_CONNECT),
  'return_url': accepted([customer, ['return_url', 'https://app.test/']]),
};
