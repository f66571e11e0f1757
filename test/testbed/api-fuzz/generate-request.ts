import type { SeededRandom } from '../random.ts';

/** The parts of an OpenAPI document that requests are generated from. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema | Schema[];
  additionalProperties?: Schema | boolean;
  minimum?: number;
  maximum?: number;
  format?: string;
}
interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
}
export interface OpenapiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface GeneratedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Values that are no value of most types, or one at its border. */
const odd: readonly unknown[] = [
  null,
  true,
  '',
  ' ',
  0,
  -1,
  0.5,
  1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  '9223372036854775808',
  [],
  {},
  [null],
  'x'.repeat(2000),
  'x\u0000y',
  '\u001b[31m',
  '../../etc/passwd',
  '%00',
  '%zz',
  '\ud800',
  '__proto__',
  '0x10',
  '10.42.0.300',
  '::ffff:10.42.0.1',
  'fe80::1%eth0',
  '999.1.1.1/33',
  '\u{1f600}',
];
/** Texts that mean something to the API. */
const meaningful = (known: readonly string[]): string[] => [
  ...known,
  '10.42.0.33',
  '10.42.0.33/32',
  'fd42::33',
  '0.0.0.0/0',
  'active',
  'staged',
  'true',
  '1',
  '2',
  '100',
  '0',
  'name: x\nrules: []\n',
  'kind: NetworkPolicy\n',
  '- [',
  '/run/netns/nothing',
];

/** Generates requests for all operations of an OpenAPI document: some valid, most with something odd in them. */
export class RequestGenerator {
  readonly #random: SeededRandom;
  readonly #schemas: Record<string, Schema>;
  readonly #texts: string[];
  readonly #operations: { method: string; path: string; operation: Operation }[];

  /**
   * Creates a generator.
   * @param known ids and names that exist
   * @param weights how often an operation is chosen, by `METHOD path`; by default once
   */
  constructor(
    document: OpenapiDocument,
    random: SeededRandom,
    known: readonly string[],
    weights: Readonly<Record<string, number>>,
  ) {
    this.#random = random;
    this.#schemas = document.components.schemas;
    this.#texts = meaningful(known);
    this.#operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([name, operation]) => {
        const method = name.toUpperCase();
        const weight = weights[`${method} ${path}`] ?? 20;
        return Array.from({ length: weight }, () => ({ method, path, operation }));
      }),
    );
  }

  next(): GeneratedRequest {
    const { method, path, operation } = this.#random.one(this.#operations);
    const query = new URLSearchParams();
    let target = path;
    for (const { name, in: place, required, schema } of operation.parameters ?? []) {
      const value = toText(this.#value(schema, 0.35));
      if (place === 'path') target = target.replace(`{${name}}`, this.#escape(value));
      else if (place === 'query' && (required || this.#random.next() < 0.5)) query.append(name, value);
    }
    if (this.#random.next() < 0.05) query.append(this.#random.one(['x', 'limit', '__proto__', '']), '1');
    if (this.#random.next() < 0.02)
      target += this.#random.one(['/', '//', '/%', '/%c0', '/x', ';x', '%2f..']);
    const text = query.toString();
    return {
      method: this.#random.next() < 0.02 ? this.#random.one(['PATCH', 'HEAD', 'OPTIONS', 'PUT']) : method,
      path: text === '' ? target : `${target}?${text}`,
      ...this.#body(operation),
    };
  }

  /** Percent-encodes a part of a path; sometimes wrongly or not at all. */
  #escape(value: string): string {
    const chance = this.#random.next();
    if (chance < 0.03) return `${this.#random.one(['%', '%a', '%zz', '%e0%a4%a', '%ff'])}${encode(value)}`;
    return encode(value) || '-';
  }

  #body({ requestBody }: Operation): Pick<GeneratedRequest, 'headers' | 'body'> {
    const types = Object.entries(requestBody?.content ?? {});
    if (types.length === 0 || this.#random.next() < 0.02) return { headers: {}, body: undefined };
    const [type, { schema = {} }] = this.#random.one(types);
    const chance = this.#random.next();
    const sent = chance < 0.03 ? this.#random.one(['text/plain', 'application/json; charset=x', 'x']) : type;
    const value = this.#value(schema, 0.15);
    const json = typeof value === 'string' && schema.type === 'string' ? value : JSON.stringify(value);
    const body = chance > 0.96 ? json.slice(0, this.#random.between(0, json.length)) : json;
    const headers: Record<string, string> = { 'content-type': sent };
    if (this.#random.next() < 0.05) headers['if-match'] = this.#random.one(['*', '"x"', 'x', '']);
    return { headers, body };
  }

  /** Generates a value of a schema. @param oddness probability of another value, at each level */
  #value(schema: Schema, oddness: number, depth = 0): unknown {
    const random = this.#random;
    if (random.next() < oddness) return random.one(odd);
    if (depth > 8) return null;
    const found = schema.$ref === undefined ? schema : this.#schemas[schema.$ref.split('/').at(-1) ?? ''];
    if (found === undefined) return null;
    const choices = found.anyOf ?? found.oneOf;
    if (choices !== undefined && choices.length > 0)
      return this.#value(random.one(choices), oddness, depth + 1);
    if (found.allOf !== undefined)
      return Object.assign({}, ...found.allOf.map((each) => this.#value(each, 0, depth + 1)));
    if (found.const !== undefined) return found.const;
    if (found.enum !== undefined && found.enum.length > 0) return random.one(found.enum);
    const type = Array.isArray(found.type) ? random.one(found.type) : found.type;
    switch (type) {
      case 'boolean':
        return random.next() < 0.5;
      case 'integer':
      case 'number': {
        const least = Math.max(found.minimum ?? 0, -1000);
        const number = random.between(least, Math.max(least, Math.min(found.maximum ?? 5000, 5000)));
        return type === 'number' && random.next() < 0.2 ? number + 0.25 : number;
      }
      case 'array':
        return Array.from({ length: random.between(0, 3) }, () =>
          this.#value(Array.isArray(found.items) ? {} : (found.items ?? {}), oddness, depth + 1),
        );
      case 'object':
        return this.#object(found, oddness, depth);
      case 'null':
        return null;
      default:
        return random.one(this.#texts);
    }
  }

  #object(schema: Schema, oddness: number, depth: number): Record<string, unknown> {
    const random = this.#random;
    const value: Record<string, unknown> = {};
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const required = schema.required?.includes(name) === true;
      if (required ? random.next() < 0.96 : random.next() < 0.4)
        value[name] = this.#value(property, oddness, depth + 1);
    }
    if (typeof schema.additionalProperties === 'object')
      value[random.one(this.#texts)] = this.#value(schema.additionalProperties, oddness, depth + 1);
    if (random.next() < 0.03) value[random.one(['x', '__proto__', 'constructor', ''])] = random.one(odd);
    return value;
  }
}

const toText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Percent-encodes a text; a lone surrogate, which cannot be, becomes U+FFFD. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());
