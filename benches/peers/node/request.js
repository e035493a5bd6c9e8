// The request message, as parameters of Stripe's session.

import { Refusal } from "./refusal.js";

const LOCALES = new Map(
  ("auto bg cs da de el en en-AU en-CA en-GB en-IE en-IN en-NZ en-SG es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv " +
    "ms mt nb nl pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW")
    .split(" ")
    .map((locale) => [locale.toLowerCase(), locale]),
);

function parseUrl(field, text, origins) {
  const url = text.length <= 2_048 ? URL.parse(text) : null;
  const isAllowed =
    url && url.href === text && !url.username && !url.password && !text.includes("#") &&
    !url.pathname.startsWith("//") && origins.has(url.origin);
  if (!isAllowed) throw new Refusal("RETURN_URL_NOT_ALLOWED", undefined, field);
  return text;
}

// Returns the locale of Stripe's portal that fits a language tag best, by lookup (RFC 4647, section 3.4).
function parseLocale(tag) {
  if (tag === "") return {};
  if (tag.toLowerCase() !== "auto") {
    try {
      Intl.getCanonicalLocales(tag);
    } catch {
      throw new Refusal("LOCALE_INVALID", undefined, "locale");
    }
  }
  const subtags = tag.toLowerCase().split("-");
  for (; subtags.length > 0; subtags.pop()) {
    const locale = LOCALES.get(subtags.join("-"));
    if (locale) return { locale };
  }
  return { locale: "auto" };
}

function parseFlow(request) {
  const type = request.flow;
  const requested = request[type];
  const check = (path, matches) => {
    if (!matches) throw new Refusal("FLOW_INVALID", undefined, `${type}.${path}`);
  };
  if (!type.startsWith("subscription_")) return { type };
  const { subscription_id: subscription, item } = requested;
  check("subscription_id", /^sub_[A-Za-z0-9]{1,251}$/.test(subscription));
  if (type !== "subscription_update_confirm") return { type, [type]: { subscription } };
  check("item", item);
  check("item.id", /^si_[A-Za-z0-9]{1,252}$/.test(item.id));
  const change = { id: item.id };
  if (item.price_id) {
    check("item.price_id", item.price_id.length <= 255 && /^(price|plan)_[A-Za-z0-9]+$/.test(item.price_id));
    change.price = item.price_id;
  }
  if (item._quantity) {
    check("item.quantity", item.quantity >= 1);
    change.quantity = item.quantity;
  }
  check("item", change.price || change.quantity);
  return { type, [type]: { subscription, items: [change] } };
}

export function parseRequest(request, origins) {
  const parameters = { return_url: parseUrl("return_url", request.return_url, origins), ...parseLocale(request.locale) };
  const hasCompletedUrl = request._completed_url !== undefined;
  if (!request.flow) {
    if (hasCompletedUrl) throw new Refusal("FLOW_INVALID", undefined, "completed_url");
    return parameters;
  }
  const flow_data = parseFlow(request);
  const return_url =
    hasCompletedUrl ? parseUrl("completed_url", request.completed_url, origins) : parameters.return_url;
  flow_data.after_completion = { type: "redirect", redirect: { return_url } };
  return { ...parameters, flow_data };
}
