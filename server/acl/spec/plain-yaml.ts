import type { LocatedDocument, ValuePath } from './located-document.ts';
import { isAmbiguousWord, readPlainScalar, unreadable } from './plain-scalar.ts';
import { type Container, PlainYamlPlaces } from './plain-yaml-places.ts';
import { maxKeys, refuseKeys } from './text-limits.ts';
import { addWrittenMember, type WrittenCollection, WrittenCollections } from './written-collections.ts';

/** Maximum depth of values that are read here. Rules have less than 10. */
const maxDepth = 60;
/**
 * Depth down to which the lines of members are noted at once: those of rules, and of the rules of a NetworkPolicy. Deeper
 * ones cost as much as the values, and few texts need them.
 */
const notedDepth = 3;
/** Maximum length of a key; YAML allows 1024 characters up to its colon. */
const maxKeyLength = 1000;
/** Keys without quotes: names of fields and labels, which no version of YAML takes for another type. */
const plainKey = /[A-Za-z_][\w./-]*/y;

/**
 * Reads the YAML that rules are usually written in, a hundred times as fast as the yaml package: mappings and lists in
 * block or flow style (hence JSON), scalars in one line, comments and documents. Whatever else a text has, errors
 * included, is left to that package, so that there is one definition of what is accepted and of each error.
 * @throws ProblemError `bad_rules` for a mapping that has too many keys
 */
export function readPlainYaml(text: string): PlainYaml {
  const reader = new PlainYamlReader(text.replaceAll('\r\n', '\n'), start, notedDepth);
  try {
    return { documents: reader.readDocuments() };
  } catch (error) {
    if (error === unreadable) return { documents: null, line: reader.line };
    throw error;
  }
}

/**
 * Reads one document as `readPlainYaml` does, with where the members of its collections are written.
 * @param text lines end in line feeds alone
 * @returns null if the yaml package has to read it
 */
export function readWrittenYaml(text: string): WrittenYaml | null {
  const collections = new WrittenCollections();
  const reader = new PlainYamlReader(text, start, notedDepth, collections);
  try {
    const [document] = reader.readDocuments();
    return { value: document?.value ?? null, collections };
  } catch (error) {
    if (error === unreadable) return null;
    throw error;
  }
}

/** A document with where it is written. */
export interface WrittenYaml {
  /** Null for a document without content. */
  value: unknown;
  collections: WrittenCollections;
}

/** The documents of a text that have content; null, and the line of the reason, if the yaml package has to read it. */
export type PlainYaml = { documents: LocatedDocument[] } | { documents: null; line: number };

interface Position {
  /** Offset of the next character. */
  at: number;
  line: number;
  /** Offset at which the line begins. */
  lineStart: number;
}

const start: Position = { at: 0, line: 1, lineStart: 0 };

class PlainYamlReader {
  readonly #text: string;
  readonly #notedDepth: number;
  #at: number;
  #line: number;
  #lineStart: number;
  #depth = 0;
  /** True if the document has a scalar without quotes that is another value in YAML 1.1. */
  #ambiguous = false;
  #places = new PlainYamlPlaces();
  readonly #collections: WrittenCollections | null;
  /** Offset of the end of the line in which the last value ended. */
  #valueEnd = 0;

  constructor(
    text: string,
    { at, line, lineStart }: Position,
    notedDepth: number,
    collections: WrittenCollections | null = null,
  ) {
    this.#text = text;
    this.#notedDepth = notedDepth;
    this.#collections = collections;
    this.#at = at;
    this.#line = line;
    this.#lineStart = lineStart;
  }

  /** The line that is read. */
  get line(): number {
    return this.#line;
  }

  readDocuments(): LocatedDocument[] {
    const documents: LocatedDocument[] = [];
    do if (this.#column() >= 0) documents.push(this.#readDocument());
    while (this.#takeMarker());
    return documents;
  }

  #readDocument(): LocatedDocument {
    const position: Position = { at: this.#at, line: this.#line, lineStart: this.#lineStart };
    this.#ambiguous = false;
    const { value, places } = this.#readRoot();
    if (this.#ambiguous && ('kind' in value || 'apiVersion' in value)) throw unreadable;
    let deeper: PlainYamlPlaces | null = null;
    const lineOf = (path: ValuePath): number => {
      if (path.length > notedDepth)
        deeper ??= new PlainYamlReader(this.#text, position, Number.POSITIVE_INFINITY).#readRoot().places;
      return (deeper ?? places).lineOf(path) ?? position.line;
    };
    return { value, lineOf };
  }

  #readRoot(): { value: object; places: PlainYamlPlaces } {
    const places = new PlainYamlPlaces();
    this.#places = places;
    const value = this.#readNode(-1);
    if (this.#column() >= 0 || typeof value !== 'object' || value === null) throw unreadable;
    return { value, places };
  }

  /** Skips blanks and comments up to the next token. @returns its column, from 0; -1 at the end of the document */
  #column(): number {
    const text = this.#text;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === 32) this.#at += 1;
      else if (code === 10) this.#endLine();
      else if (code === 35) this.#skipComment();
      else break;
    }
    if (this.#at >= text.length) return -1;
    const column = this.#at - this.#lineStart;
    return column === 0 && this.#isMarker() ? -1 : column;
  }

  #endLine(): void {
    this.#at += 1;
    this.#line += 1;
    this.#lineStart = this.#at;
  }

  /** Skips a comment, which white space has to separate from what is before. */
  #skipComment(): void {
    if (this.#at > this.#lineStart && this.#text.charCodeAt(this.#at - 1) !== 32) throw unreadable;
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  #isMarker(): boolean {
    if (this.#text.startsWith('...', this.#at)) throw unreadable;
    return this.#text.startsWith('---', this.#at) && isBlank(this.#text.charCodeAt(this.#at + 3));
  }

  /** Takes a marker `---`. @returns false at the end of the text */
  #takeMarker(): boolean {
    if (this.#at >= this.#text.length) return false;
    this.#at += 3;
    this.#endValue();
    return true;
  }

  /** Takes what may be behind a value in its line. */
  #endValue(): void {
    while (this.#text.charCodeAt(this.#at) === 32) this.#at += 1;
    const code = this.#text.charCodeAt(this.#at);
    if (code === 35) this.#skipComment();
    else if (code !== 10 && this.#at < this.#text.length) throw unreadable;
    this.#valueEnd = this.#at;
  }

  /** Reads a value in block style that begins at the current token. @param indent column of what contains it */
  #readNode(indent: number): unknown {
    const at = this.#at;
    const column = at - this.#lineStart;
    if (this.#isDash()) return this.#readList(column);
    const key = this.#readKey();
    if (key !== null) return this.#readMapping(column, key);
    this.#at = at;
    return this.#readInline(indent);
  }

  #isDash(): boolean {
    return this.#text.charCodeAt(this.#at) === 45 && isBlank(this.#text.charCodeAt(this.#at + 1));
  }

  #readList(indent: number): unknown[] {
    const list = this.#enter<unknown[]>([]);
    const written = this.#write(list, 'block');
    do {
      const dash = this.#at;
      this.#at += 1;
      if (this.#column() <= indent) throw unreadable;
      if (this.#depth <= this.#notedDepth) this.#places.addItem(list, this.#line);
      const valueStart = this.#at;
      list.push(this.#readNode(indent));
      addWrittenMember(written, dash, valueStart, this.#valueEnd);
    } while (this.#continues(indent) && this.#isDash());
    return this.#leave(list);
  }

  #readMapping(indent: number, firstKey: string): Container {
    const mapping = this.#enter<Record<string, unknown>>({});
    let start = this.#lineStart + indent;
    const written = this.#write(mapping, 'block', start);
    let keys = 0;
    for (let key: string | null = firstKey; ; key = this.#readKey()) {
      if (key === null) throw unreadable;
      keys += 1;
      if (keys > maxKeys) refuseKeys(this.#line);
      this.#addKey(mapping, key);
      this.#valueEnd = this.#at;
      const line = this.#line;
      const column = this.#column();
      const valueStart = this.#at;
      mapping[key] = this.#readMember(indent, column, this.#line === line);
      addWrittenMember(written, start, valueStart, this.#valueEnd, key);
      if (!this.#continues(indent) || this.#isDash()) break;
      start = this.#at;
    }
    return this.#leave(mapping);
  }

  /** Notes that a collection begins, if it is wanted where it is written. */
  #write(
    container: Container,
    style: WrittenCollection['style'],
    start = this.#at,
  ): WrittenCollection | null {
    return this.#collections?.add(container, this.#depth, { style, start }) ?? null;
  }

  /**
   * Reads what belongs to a key, of which nothing is null.
   * @param column of the next token
   * @param inLine true if that is in the line of the key
   */
  #readMember(indent: number, column: number, inLine: boolean): unknown {
    if (inLine && column >= 0) return this.#readInline(indent);
    if (column > indent) return this.#readNode(indent);
    return column === indent && this.#isDash() ? this.#readList(indent) : null;
  }

  /** Returns true if a collection has another member. What is deeper continues a scalar, which is not read here. */
  #continues(indent: number): boolean {
    const column = this.#column();
    if (column > indent) throw unreadable;
    return column === indent;
  }

  #enter<T extends Container>(container: T): T {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw unreadable;
    if (this.#depth <= this.#notedDepth) this.#places.add(container);
    return container;
  }

  #leave<T>(container: T): T {
    this.#depth -= 1;
    return container;
  }

  #addKey(mapping: Record<string, unknown>, key: string): void {
    if (key === '__proto__' || Object.hasOwn(mapping, key)) throw unreadable;
    if (this.#depth <= this.#notedDepth) this.#places.addKey(mapping, key, this.#line);
  }

  /** Reads a key in block style with its colon. @returns null if there is none */
  #readKey(): string | null {
    const key = this.#readKeyText();
    if (key === null || this.#text.charCodeAt(this.#at) !== 58) return null;
    if (!isBlank(this.#text.charCodeAt(this.#at + 1))) return null;
    this.#at += 1;
    return key;
  }

  #readKeyText(): string | null {
    const start = this.#at;
    const code = this.#text.charCodeAt(start);
    if (code === 34 || code === 39) {
      const quoted = this.#readQuoted(code);
      return this.#at - start > maxKeyLength ? null : quoted;
    }
    plainKey.lastIndex = start;
    if (!plainKey.test(this.#text)) return null;
    this.#at = plainKey.lastIndex;
    const key = this.#text.slice(start, this.#at);
    return key.length > maxKeyLength || isAmbiguousWord(key) ? null : key;
  }

  /** Reads a value in flow style or a scalar, up to the end of its line. */
  #readInline(indent: number): unknown {
    const value = this.#readFlow(indent, false);
    this.#endValue();
    return value;
  }

  #readFlow(indent: number, inFlow: boolean): unknown {
    const code = this.#text.charCodeAt(this.#at);
    if (code === 123) return this.#readFlowMapping(indent);
    if (code === 91) return this.#readFlowList(indent);
    if (code === 34 || code === 39) return this.#readQuoted(code);
    const scalar = readPlainScalar(this.#text, this.#at, inFlow);
    this.#at = scalar.end;
    this.#ambiguous ||= scalar.ambiguous;
    return scalar.value;
  }

  #readFlowList(indent: number): unknown[] {
    const list = this.#enter<unknown[]>([]);
    const written = this.#write(list, 'flow');
    for (let first = true; !this.#endsFlow(indent, 93, first); first = false) {
      if (this.#depth <= this.#notedDepth) this.#places.addItem(list, this.#line);
      const start = this.#at;
      list.push(this.#readFlow(indent, true));
      addWrittenMember(written, start, start, this.#at);
    }
    if (written) written.end = this.#at;
    return this.#leave(list);
  }

  #readFlowMapping(indent: number): Container {
    const mapping = this.#enter<Record<string, unknown>>({});
    const written = this.#write(mapping, 'flow');
    let keys = 0;
    for (let first = true; !this.#endsFlow(indent, 125, first); first = false) {
      keys += 1;
      if (keys > maxKeys) refuseKeys(this.#line);
      const start = this.#at;
      const quoted = isQuote(this.#text.charCodeAt(this.#at));
      const key = this.#readKeyText();
      if (key === null || this.#text.charCodeAt(this.#at) !== 58) throw unreadable;
      this.#addKey(mapping, key);
      this.#at += 1;
      if (!quoted && !isBlank(this.#text.charCodeAt(this.#at))) throw unreadable;
      this.#skipInFlow(indent);
      const valueStart = this.#at;
      mapping[key] = this.#readFlow(indent, true);
      addWrittenMember(written, start, valueStart, this.#at, key);
    }
    if (written) written.end = this.#at;
    return this.#leave(mapping);
  }

  /** Goes to the next member of a collection in flow style. @returns true if it has ended instead */
  #endsFlow(indent: number, close: number, first: boolean): boolean {
    if (first) this.#at += 1;
    this.#skipInFlow(indent);
    const code = this.#text.charCodeAt(this.#at);
    if (code === close) {
      this.#at += 1;
      return true;
    }
    if (first) return false;
    if (code !== 44) throw unreadable;
    this.#at += 1;
    this.#skipInFlow(indent);
    if (this.#text.charCodeAt(this.#at) === close) throw unreadable;
    return false;
  }

  /** Skips blanks and comments between the tokens of a collection, whose lines are indented deeper than its parent. */
  #skipInFlow(indent: number): void {
    const line = this.#line;
    const column = this.#column();
    if (column < 0 || (this.#line !== line && column <= indent)) throw unreadable;
  }

  /** Reads a scalar in quotes that ends in its line. */
  #readQuoted(quote: number): string {
    const text = this.#text;
    const start = this.#at + 1;
    let escaped = false;
    let end = start;
    for (; ; end += 1) {
      const code = text.charCodeAt(end);
      // Line breaks, other control characters, and the end of the text (NaN).
      if (!(code >= 32)) throw unreadable;
      const escapes = quote === 34 ? code === 92 : code === 39 && text.charCodeAt(end + 1) === 39;
      if (escapes) {
        escaped = true;
        end += 1;
      } else if (code === quote) break;
    }
    this.#at = end + 1;
    const raw = text.slice(start, end);
    if (!escaped) return raw;
    return quote === 39 ? raw.replaceAll("''", "'") : readEscapes(raw);
  }
}

/** Reads escapes that JSON and YAML have in common. */
function readEscapes(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    throw unreadable;
  }
}

const isQuote = (code: number): boolean => code === 34 || code === 39;

/** Returns true for a space, a line break and the end of the text. */
const isBlank = (code: number): boolean => code === 32 || code === 10 || Number.isNaN(code);
