// SPDX-License-Identifier: Apache-2.0

/*
 * node:http without undici. An `import` evaluates every name of the module, WebSocket among them, and that one loads
 * undici: 12 MiB of resident memory for what nobody here uses.
 */
import type http from 'node:http';

export const nodeHttp: typeof http = process.getBuiltinModule('node:http');
