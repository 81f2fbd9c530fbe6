/**
 * Small JSON documents with their own checksum: manifests, the epoch, the finished mark.
 *
 *     {"format":1,"kind":"manifest","bytes":1234,"sha256":"…","content":
 *     { …1234 bytes… }
 *     }
 *
 * The file as a whole is JSON, for people and their tools. The reader compares size and checksum of the very bytes of
 * the content before it parses any of them.
 */

import { createHash } from 'node:crypto';
import { isPlainObject } from '../base/realm.js';
import { withArticle } from '../base/with-article.js';
import { corruptError, formatError } from './storage-errors.js';

export const SEALED_FORMAT = 1;
export type SealedKind = 'manifest' | 'epoch' | 'finished' | 'index';

const HEAD =
  /^\{"format":(\d{1,9}),"kind":"([a-z]{1,20})","bytes":(\d{1,15}),"sha256":"([0-9a-f]{64})","content":\n/;
const HEAD_BYTES_MAX = 200;
const TAIL = '\n}\n';
/** Keys that could reach a prototype when a reader assigns them. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
const DEPTH_MAX = 64;

export function seal(kind: SealedKind, content: unknown): Uint8Array {
  assertPlainJson(content, kind);
  const body = Buffer.from(JSON.stringify(content, null, 1), 'utf8');
  const head = `{"format":${SEALED_FORMAT},"kind":"${kind}","bytes":${body.length},"sha256":"${sha256(body)}","content":\n`;
  return Buffer.concat([Buffer.from(head), body, Buffer.from(TAIL)]);
}

/**
 * The content of a sealed document. `file` is for messages.
 * Throws ERR_HOLDFAST_CHECKPOINT_CORRUPT or …_FORMAT.
 */
export function unseal(kind: SealedKind, bytes: Uint8Array, file: string): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = HEAD.exec(buffer.toString('latin1', 0, HEAD_BYTES_MAX));
  if (head === null) {
    const found =
      buffer.length === 0 ? 'an empty file' : JSON.stringify(buffer.toString('latin1', 0, 40));
    throw corruptError({
      file,
      offset: 0,
      check: 'first line',
      expected: 'the document head',
      found,
    });
  }
  const [line, format, foundKind, size, expected] = head as unknown as string[] & { 0: string };
  if (Number(format) !== SEALED_FORMAT) {
    throw formatError(file, `its format is ${format}, this version reads ${SEALED_FORMAT}`);
  }
  if (foundKind !== kind) {
    throw corruptError({ file, offset: 0, check: 'kind', expected: kind, found: foundKind! });
  }
  const offset = line.length;
  const total = offset + Number(size) + TAIL.length;
  const body = buffer.subarray(offset, offset + Number(size));
  const found = sha256(body);
  if (found !== expected) {
    throw corruptError({
      file,
      offset,
      check: 'SHA-256',
      expected: expected!,
      found,
      expectedSha256: expected,
      foundSha256: found,
    });
  }
  if (buffer.length !== total || buffer.toString('latin1', total - TAIL.length) !== TAIL) {
    const [atEnd, there] = [String(total), String(buffer.length)];
    throw corruptError({
      file,
      offset: total,
      check: 'size in bytes',
      expected: atEnd,
      found: there,
    });
  }
  let content: unknown;
  try {
    content = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw formatError(file, `its content is no JSON: ${String(error)}`);
  }
  const problem = findProblem(content, 'content', 0);
  if (problem !== undefined) throw formatError(file, problem);
  return content;
}

/** Throws a TypeError for a value that JSON would change silently. */
export function assertPlainJson(value: unknown, name: string): void {
  const problem = findProblem(value, name, 0);
  if (problem !== undefined) throw new TypeError(problem);
}

function findProblem(value: unknown, path: string, depth: number): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : `${path} is ${value}, which JSON cannot hold`;
  }
  if (typeof value !== 'object')
    return `${path} is ${withArticle(typeof value)}, which JSON cannot hold`;
  if (depth >= DEPTH_MAX) return `${path} is nested deeper than ${DEPTH_MAX} levels`;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const problem = findProblem(value[i], `${path}[${i}]`, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (!isPlainObject(value)) return `${path} is no plain object`;
  for (const key of Object.keys(value)) {
    if (FORBIDDEN.has(key)) return `${path} has the forbidden key '${key}'`;
    const entry: unknown = (value as Record<string, unknown>)[key];
    // A property that is undefined counts as absent, as in JSON.
    const problem =
      entry === undefined ? undefined : findProblem(entry, `${path}.${key}`, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
