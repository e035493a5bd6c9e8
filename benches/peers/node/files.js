// Files that are read again when they change, and the content of one of them: the feature flag.

import { readFileSync, statSync } from "node:fs";

import jsonLogic from "json-logic-js";

// A content that cannot be used leaves the last good one in use.
export function watched(path, parse) {
  let stamp;
  const file = {
    value: undefined,
    refresh() {
      try {
        const { ino, mtimeMs, size } = statSync(path);
        if (stamp === `${ino} ${mtimeMs} ${size}`) return;
        stamp = `${ino} ${mtimeMs} ${size}`;
        file.value = parse(readFileSync(path, "utf8"));
      } catch (error) {
        console.error(JSON.stringify({ message: "file cannot be used", path, cause: error.message }));
      }
    },
  };
  file.refresh();
  setInterval(file.refresh, 250).unref();
  return file;
}

jsonLogic.add_operation("starts_with", (text, prefix) => String(text).startsWith(prefix));
jsonLogic.add_operation("ends_with", (text, suffix) => String(text).endsWith(suffix));

// Returns a function that says whether the flag is on for a tenant. Throws if the file is not JSON.
export function parseFlag(text) {
  const { state, variants, defaultVariant, targeting } = JSON.parse(text).flags?.["billing-portal"] ?? {};
  const isValid =
    state === "ENABLED" && variants && Object.values(variants).every((variant) => typeof variant === "boolean");
  if (!isValid) return () => false;
  const hasRule = targeting && Object.keys(targeting).length > 0;
  return (tenant) => {
    try {
      const variant = hasRule ? jsonLogic.apply(targeting, { targetingKey: tenant }) : null;
      return variants[variant ?? defaultVariant] === true;
    } catch {
      return false;
    }
  };
}
