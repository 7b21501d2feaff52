// SPDX-License-Identifier: Apache-2.0
import { VERSION } from '../config/version.ts';

/** As the OTLP specification wants it; a header of the user's own wins. */
export const USER_AGENT = `agentsmith-otel/${VERSION}`;
