// SPDX-License-Identifier: Apache-2.0

/*
 * Reads the BTF of layout.o and writes what both sides share beside events.h itself:
 *   src/decode/layout.gen.ts   one Field { offset, type } a member, enum values, LAYOUT_ID
 *   ebpf/layout.gen.h          LAYOUT_ID, compiled into the object and compared at load
 * A field's type is its typedef in events.h; BTF: https://docs.kernel.org/bpf/btf.html
 *
 *   node gen-layout.ts build/layout.o [OUT_DIR]     with OUT_DIR both files go there (the staleness test)
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const Kind = {
  INT: 1,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  TYPEDEF: 8,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  DECL_TAG: 17,
  ENUM64: 19,
};
/** Bytes behind the 12 of a BTF type: [fixed, per member]. */
const TRAILER: Record<number, readonly [number, number]> = {
  [Kind.INT]: [4, 0],
  [Kind.ARRAY]: [12, 0],
  [Kind.STRUCT]: [0, 12],
  [Kind.UNION]: [0, 12],
  [Kind.ENUM]: [0, 8],
  [Kind.FUNC_PROTO]: [0, 8],
  [Kind.VAR]: [4, 0],
  [Kind.DATASEC]: [0, 12],
  [Kind.DECL_TAG]: [4, 0],
  [Kind.ENUM64]: [0, 12],
};

interface BtfType {
  name: string;
  kind: number;
  /** Bytes of a struct or integer; the referenced type of a typedef or variable. */
  sizeOrType: number;
  members: { name: string; type: number; value: number }[];
}

/** The named section of a 64-bit little-endian ELF file. */
function section(elf: Buffer, name: string): Buffer {
  const headers = Number(elf.readBigUInt64LE(0x28));
  const size = elf.readUInt16LE(0x3a);
  const at = (index: number) => headers + index * size;
  const body = (header: number) => {
    const offset = Number(elf.readBigUInt64LE(header + 0x18));
    return elf.subarray(offset, offset + Number(elf.readBigUInt64LE(header + 0x20)));
  };
  const names = body(at(elf.readUInt16LE(0x3e)));
  for (let i = 0; i < elf.readUInt16LE(0x3c); i++) {
    const start = elf.readUInt32LE(at(i));
    if (names.toString('latin1', start, names.indexOf(0, start)) === name) return body(at(i));
  }
  throw new Error(`no ${name} section: was layout.c compiled with -g?`);
}

function readTypes(btf: Buffer): BtfType[] {
  if (btf.readUInt16LE(0) !== 0xeb9f) throw new Error('not BTF');
  const header = btf.readUInt32LE(4);
  const typesStart = header + btf.readUInt32LE(8);
  const typesEnd = typesStart + btf.readUInt32LE(12);
  const strings = header + btf.readUInt32LE(16);
  const text = (offset: number) => btf.toString('latin1', strings + offset, btf.indexOf(0, strings + offset));
  const types: BtfType[] = [{ name: 'void', kind: 0, sizeOrType: 0, members: [] }];
  for (let at = typesStart; at < typesEnd; ) {
    const info = btf.readUInt32LE(at + 4);
    const kind = (info >>> 24) & 31;
    const [fixed, each] = TRAILER[kind] ?? [0, 0];
    const type: BtfType = {
      name: text(btf.readUInt32LE(at)),
      kind,
      sizeOrType: btf.readUInt32LE(at + 8),
      members: [],
    };
    at += 12;
    if (kind === Kind.ARRAY)
      type.members.push({ name: '', type: btf.readUInt32LE(at), value: btf.readUInt32LE(at + 8) });
    at += fixed;
    for (let i = 0; i < (info & 0xffff); i++, at += each) {
      const name = text(btf.readUInt32LE(at));
      if (kind === Kind.STRUCT)
        type.members.push({ name, type: btf.readUInt32LE(at + 4), value: btf.readUInt32LE(at + 8) / 8 });
      if (kind === Kind.ENUM) type.members.push({ name, type: 0, value: btf.readUInt32LE(at + 4) });
    }
    types.push(type);
  }
  return types;
}

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string) => camel(`_${name}`);

/** One member as TypeScript: a Field literal, or an object of them for a struct. */
function field(types: BtfType[], id: number, offset: number, indent: string): string {
  const type = types[id]!;
  if (type.kind === Kind.TYPEDEF) return `{ offset: ${offset}, type: '${type.name.replace(/^__/, '')}' }`;
  if (type.kind === Kind.ARRAY) {
    const { type: element, value: length } = type.members[0]!;
    return `{ offset: ${offset}, type: '${types[element]!.name === 'char' ? 'chars' : 'bytes'}', length: ${length} }`;
  }
  if (type.kind !== Kind.STRUCT) throw new Error(`${type.name}: give the member a typedef of events.h`);
  if (type.name === 'text' || type.name === 'path_text') return `{ offset: ${offset}, type: '${type.name}' }`;
  return struct(types, type, offset, indent);
}

function struct(types: BtfType[], type: BtfType, base: number, indent: string): string {
  const inner = `${indent}  `;
  const lines = type.members.map(
    (m) => `${inner}${camel(m.name)}: ${field(types, m.type, base + m.value, inner)},\n`,
  );
  return `{\n${inner}SIZE: ${type.sizeOrType},\n${lines.filter((line) => !/^\s*unused/.test(line)).join('')}${indent}}`;
}

/** The text of both generated files. */
function generate(object: Buffer): { typescript: string; header: string } {
  const types = readTypes(section(object, '.BTF'));
  const variables = types.filter((t) => t.kind === Kind.VAR).sort((a, b) => a.name.localeCompare(b.name));
  let body = '';
  for (const variable of variables) {
    const type = types[variable.sizeOrType]!;
    if (type.kind === Kind.STRUCT)
      body += `\nexport const ${camel(type.name)} = ${struct(types, type, 0, '')} as const;\n`;
    if (type.kind === Kind.ENUM) {
      // EVENT_PROCESS_EXEC of event_type, EXEC_MEMFD of exec_flag: the enum's first word is the values' prefix.
      const prefix = `${type.name.split('_')[0]!.toUpperCase()}_`;
      const values = type.members.map((m) => `  ${m.name.replace(prefix, '')}: ${m.value},\n`).join('');
      body += `\nexport const ${pascal(type.name)} = {\n${values}} as const;\n`;
    }
  }
  const id = `0x${createHash('sha256').update(body).digest('hex').slice(0, 16)}`;
  return {
    typescript: `// Generated by ebpf/gen-layout.ts from ebpf/events.h: do not edit (npm run gen:layout).\n// biome-ignore-all format: generated\n\nexport const LAYOUT_ID = ${id}n;\n${body}`,
    header: `/* Generated by gen-layout.ts from events.h: do not edit (npm run gen:layout). */\n#define LAYOUT_ID ${id}ull\n`,
  };
}

const [objectPath, outDir] = process.argv.slice(2);
if (!objectPath) throw new Error('usage: gen-layout.ts LAYOUT_OBJECT [OUT_DIR]');
const { typescript, header } = generate(readFileSync(objectPath));
const here = import.meta.dirname;
writeFileSync(join(outDir ?? join(here, '../src/decode'), 'layout.gen.ts'), typescript);
writeFileSync(join(outDir ?? here, 'layout.gen.h'), header);
