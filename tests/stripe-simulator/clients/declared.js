'use strict';
// The declarations of Stripe's library, read from the pinned version with the TypeScript compiler.

const path = require('node:path');

const ts = require('typescript');

const resources = path.join(path.dirname(require.resolve('stripe')), 'resources');
const FILES = {
  sessions: 'BillingPortal/Sessions.d.ts',
  configurations: 'BillingPortal/Configurations.d.ts',
  customers: 'Customers.d.ts',
  subscriptions: 'Subscriptions.d.ts',
  checkout: 'Checkout/Sessions.d.ts',
  accounts: 'Accounts.d.ts',
  events: 'Events.d.ts',
  library: '../lib.d.ts',
};

const program = ts.createProgram(
  Object.values(FILES).map((file) => path.join(resources, file)),
  { strict: true, noEmit: true, types: [], lib: ['lib.es2022.d.ts'] },
);
const checker = program.getTypeChecker();

/** Returns the type of a declaration, such as `Session` or `BillingPortal.SessionCreateParams`. */
function declared(file, name) {
  const source = program.getSourceFile(path.join(resources, FILES[file]));
  let symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
  let symbol;
  for (const part of name.split('.')) {
    symbol = symbols.find((other) => other.name === part);
    if (!symbol) throw new Error(`${FILES[file]} does not declare ${name}`);
    symbols = checker.getExportsOfModule(symbol);
  }
  return checker.getDeclaredTypeOfSymbol(symbol);
}

const has = (type, flag) => (type.flags & flag) !== 0;
const isUndefined = (type) => has(type, ts.TypeFlags.Undefined | ts.TypeFlags.Void);
const members = (type) => (type.isUnion() ? type.types : [type]).filter((one) => !isUndefined(one));
/** Whether a type is the open string of an extensible enum. Only the known values count as documented. */
const isOtherString = (type) => type.isIntersection();
const isOptional = (symbol) => (symbol.flags & ts.SymbolFlags.Optional) !== 0;
const properties = (type) => checker.getPropertiesOfType(type).map((symbol) => ({
  name: symbol.name,
  optional: isOptional(symbol),
  type: checker.getTypeOfSymbol(symbol),
}));
const element = (type) => (checker.isArrayType(type) ? checker.getTypeArguments(type)[0] : undefined);

/** Returns every parameter that is not an object, by full name; `[]` represents any index. */
function parameters(type, prefix = '') {
  return properties(type).flatMap(({ name, optional, type: declaredType }) => {
    const full = prefix ? `${prefix}[${name}]` : name;
    return leaves(full, declaredType, !optional);
  });
}

function leaves(name, type, required) {
  const kinds = members(type);
  const object = kinds.length === 1 && has(kinds[0], ts.TypeFlags.Object) ? kinds[0] : undefined;
  if (object && element(object)) return leaves(`${name}[]`, element(object), required);
  if (object) return parameters(object, name);
  const values = kinds.filter((kind) => kind.isStringLiteral()).map((kind) => kind.value);
  return [{ name, required, values }];
}

/** Returns the differences between a value and its declaration, one per line, and counts the compared members. */
function differences(value, type, where, count) {
  const kinds = members(type);
  if (kinds.some((kind) => conforms(value, kind))) {
    const kind = kinds.find((one) => conforms(value, one));
    if (value === null || typeof value !== 'object') return [];
    if (element(kind)) return value.flatMap((one, index) => differences(one, element(kind), `${where}[${index}]`, count));
    return objectDifferences(value, kind, where, count);
  }
  return [`${where}: ${JSON.stringify(value)} is not of type ${checker.typeToString(type)}`];
}

/** Whether a value has the given type, without checking its members. */
function conforms(value, kind) {
  if (isOtherString(kind)) return false;
  if (kind.isStringLiteral()) return value === kind.value;
  if (has(kind, ts.TypeFlags.BooleanLiteral)) return String(value) === checker.typeToString(kind);
  if (has(kind, ts.TypeFlags.Null)) return value === null;
  if (has(kind, ts.TypeFlags.String)) return typeof value === 'string';
  if (has(kind, ts.TypeFlags.Number)) return typeof value === 'number';
  if (has(kind, ts.TypeFlags.Boolean)) return typeof value === 'boolean';
  if (element(kind)) return Array.isArray(value);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  // If a member can be one of several objects, the `object` member of the value selects the type.
  const object = kind.getProperty('object');
  return !object || members(checker.getTypeOfSymbol(object)).some((name) => conforms(value.object, name));
}

function objectDifferences(value, type, where, count) {
  const index = checker.getIndexTypeOfType(type, ts.IndexKind.String);
  const declaredMembers = properties(type);
  const known = new Map(declaredMembers.map((member) => [member.name, member]));
  const lines = declaredMembers
    .filter(({ name, optional }) => !optional && !(name in value))
    .map(({ name }) => `${where}.${name} is declared but not returned`);
  for (const [name, inner] of Object.entries(value)) {
    const member = known.get(name)?.type ?? index;
    count.members += 1;
    if (member) lines.push(...differences(inner, member, `${where}.${name}`, count));
    else lines.push(`${where}.${name} is returned but not declared`);
  }
  return lines;
}

/** Returns the differences between a list of objects and its declaration. */
function listDifferences(value, type, where, count) {
  const list = declared('library', 'ApiList');
  const { data, ...rest } = value;
  const lines = objectDifferences({ ...rest, data: [] }, list, where, count);
  return lines.concat(data.flatMap((one, index) => differences(one, type, `${where}.data[${index}]`, count)));
}

module.exports = { declared, differences, listDifferences, parameters };
