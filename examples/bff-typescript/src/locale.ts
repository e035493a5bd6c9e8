// Returns the language tag that the browser prefers (RFC 9110, section 12.5.4). It is empty if there is none: the
// service refuses a malformed tag, and a header must not keep a person out. A product that knows the person's language
// uses that instead.
export function preferredLanguage(acceptLanguage: string): string {
  const ranges = acceptLanguage.split(",").map((range) => {
    const [tag = "", weight = "q=1"] = range.split(";").map((part) => part.trim());
    return { tag, weight: Number(/^q=([\d.]+)$/.exec(weight)?.[1] ?? 0) };
  });
  const accepted = ranges.filter(({ tag, weight }) => weight > 0 && isLanguageTag(tag));
  return accepted.sort((one, other) => other.weight - one.weight)[0]?.tag ?? "";
}

function isLanguageTag(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}
